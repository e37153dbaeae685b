"""The checks of the picture: `measure` what came back against the reference, `judge` the measurements."""

from services.finisher.quality.judgement import Reason, Verdict, judge
from services.finisher.quality.measurements import Examined, Measurements, examine, measure

__all__ = ["Examined", "Measurements", "Reason", "Verdict", "examine", "judge", "measure"]
