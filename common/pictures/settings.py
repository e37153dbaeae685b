"""What looking at one untrusted picture may cost, whoever looks."""

from pydantic import Field
from pydantic_settings import BaseSettings

from common.pictures.facts import Bounds
from common.settings import RULES


class PictureSettings(BaseSettings):
    """Each picture is decoded in a process of its own, within these bounds."""

    model_config = RULES

    decode_memory_mb: int = Field(default=1536, ge=256, description="address space of a process that decodes a picture")
    decode_cpu_s: int = Field(default=120, ge=1, description="CPU seconds for one picture")
    decode_wall_s: float = Field(default=180, gt=0, description="seconds for one picture, however busy the machine is")
    max_held_megapixels: float = Field(
        default=200,
        gt=0,
        description="largest picture that is decoded as a whole: progressive JPEG, interlaced PNG, WebP, AVIF",
    )

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.decode_memory_mb, self.decode_cpu_s, self.decode_wall_s)
