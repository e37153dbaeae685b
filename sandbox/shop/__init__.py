"""A print shop that plays the part of the owner's WordPress site: photographs, media route, front end."""
