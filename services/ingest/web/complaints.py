"""What is said about a request that does not read, without repeating what was sent."""

from fastapi.exceptions import RequestValidationError

from common.language import mark, translate

FIELDS = {
    "email": mark("This is no e-mail address that we can write to. Please go back and look at it again."),
    "resolution": mark("Please go back and choose one of the sizes."),
    "image": mark("Please go back and choose a picture."),
    "stars": mark("Please go back and choose one to five stars."),
    "comment": mark("This comment is too long. Please go back and shorten it."),
}
OTHERWISE = mark("We could not read this. Please go back and try again.")


def for_people(error: RequestValidationError) -> str:
    """A sentence about the first field that is wrong."""
    first = error.errors()[0]
    return FIELDS.get(_field(first), OTHERWISE)


def for_programs(error: RequestValidationError, language: str) -> str:
    """Each field, by the name that it has in the request, and what is wrong with it."""
    told = []
    for problem in error.errors():
        why = str(problem["msg"]).removeprefix("Value error, ")
        told.append(f"{_field(problem) or 'request'}: {translate(why, language)}")
    return "; ".join(told)


def _field(problem: dict[str, object]) -> str:
    where = problem["loc"]
    return ".".join(str(part) for part in where[1:]) if isinstance(where, tuple | list) else ""
