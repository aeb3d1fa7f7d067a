from tests.fitness.conftest import lab

__all__ = ["lab"]
