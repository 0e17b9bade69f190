"""Which of S3's operations moto does not know.

moto's S3 finds operations by their sub-resources and takes one it does not know for none at all:
PutBucketMetrics makes a bucket, GetObjectTorrent gives the object. What it knows is asked of its own code.
"""

from __future__ import annotations

from functools import cache
from types import CodeType
from typing import Any

from cloudkata.emulator.services import service

_HANDLERS = {
    ("/{Bucket}", "GET"): ("_bucket_response_get",),
    ("/{Bucket}", "PUT"): ("_bucket_response_put",),
    ("/{Bucket}", "DELETE"): ("_bucket_response_delete",),
    ("/{Bucket}", "POST"): ("_bucket_response_post", "is_delete_keys"),
    ("/{Bucket}/{Key+}", "GET"): ("_key_response_get",),
    ("/{Bucket}/{Key+}", "PUT"): ("_key_response_put",),
    ("/{Bucket}/{Key+}", "DELETE"): ("_key_response_delete",),
    ("/{Bucket}/{Key+}", "POST"): ("_key_response_post",),
}
"""The methods of moto's S3Response that look for sub-resources, by path and HTTP method."""

_PATHS = ("/", "/{Bucket}", "/{Bucket}/{Key+}")


@cache
def is_missing(operation: str) -> bool:
    """Whether moto would take a call of this operation for another one."""
    s3 = service("s3")
    if s3 is None or operation not in s3:
        return True
    if operation == "ListDirectoryBuckets":
        return True
    http = s3.operation(operation).http_trait
    if http.path not in _PATHS:
        return True
    known = _words_of(http.path, http.method)
    return bool(http.query_args) and not any(name in known for name in http.query_args)


@cache
def _words_of(path: str, method: str) -> frozenset[str]:
    """The texts that moto's handler of a path and method compares with."""
    # moto's S3 takes 60 ms to load, and not every lab uses it.
    from moto.s3.responses import S3Response

    names = _HANDLERS.get((path, method), ())
    return frozenset(word for name in names for word in _constants(getattr(S3Response, name).__code__))


def _constants(code: CodeType) -> list[Any]:
    return [constant for constant in code.co_consts if isinstance(constant, str)]
