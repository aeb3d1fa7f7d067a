from tests.fitness.interpreter.room import room

__all__ = ["room"]
