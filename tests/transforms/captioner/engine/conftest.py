import pytest
from data.engine_world import Stock, World, make_world


@pytest.fixture(scope="package")
def world() -> World:
    return make_world()


@pytest.fixture(scope="package")
def stock(world: World) -> Stock:
    return Stock(world)
