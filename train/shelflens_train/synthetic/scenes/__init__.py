"""Scenes: where a phone photo is taken, and the phone that takes it."""
