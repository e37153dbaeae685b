"""The poller's settings: those of the provider's client; its waits stand in the stage table's settings."""

from common.upsampler_settings import UpsamplerSettings


class PollerSettings(UpsamplerSettings):
    """`POLL_FIRST_S`, `POLL_INTERVAL_S`, `PROCESSING_TIMEOUT_S` and the provider's settings."""
