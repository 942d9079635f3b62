"""Every error that this project raises."""

from schemas.errors import VaengineError


def every_error(root: type[VaengineError] = VaengineError) -> list[type[VaengineError]]:
    return [root, *(found for child in root.__subclasses__() for found in every_error(child))]
