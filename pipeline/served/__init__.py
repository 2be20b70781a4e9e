"""A study's reported model in use, with its twins: what is known of a person in, risk with its interval out."""

from pipeline.served.files import load, save
from pipeline.served.model import OUTPUTS, Considered, Origin, ServedModel, Settings

__all__ = ["OUTPUTS", "Considered", "Origin", "ServedModel", "Settings", "load", "save"]
