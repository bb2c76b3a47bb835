"""What ends a worker early."""


class Cancelled(Exception):  # noqa: N818  it is no error
    """The person went elsewhere."""
