"""What every room's tests may use."""

# Only the topmost conftest of a run may name plugins; pytester runs pytest inside a test.
pytest_plugins = ["pytester"]
