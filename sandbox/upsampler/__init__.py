"""A stand-in for Upsampler, the AI provider: it really enlarges, in both dialects, and fails on request."""
