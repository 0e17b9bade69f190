"""What stands for a body in a signature of version 4, and whether the body is the one that was signed.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from cloudkata.emulator import aws_chunked
from cloudkata.emulator.complaints import Complaints
from cloudkata.emulator.services import service
from cloudkata.emulator.wire import Request

UNSIGNED = "UNSIGNED-PAYLOAD"

_EMPTY = sha256(b"").hexdigest()


def claimed(request: Request, service_name: str, complaints: Complaints) -> str:
    """What a header signature covers in the place of the body, once the body is found to match it.

    S3 believes the header that says what the body is, and checks it; the others hash the body.
    """
    given = request.header("x-amz-content-sha256")
    if complaints.of_s3:
        if not given:
            message = "Missing required header for this request: x-amz-content-sha256"
            raise complaints.of_code("InvalidRequest", message)
        check(request, given, complaints)
        return given
    if given == UNSIGNED and _takes_unsigned_bodies(service_name):
        return given
    return sha256(request.body).hexdigest()


def check(request: Request, given: str, complaints: Complaints) -> None:
    """Refuse a body that is not what its header says it is."""
    if given == UNSIGNED:
        return
    if given.startswith("STREAMING-"):
        _decoded(request, complaints)
        return
    computed = sha256(request.body).hexdigest()
    if not hmac.compare_digest(computed.encode(), given.encode()):
        raise complaints.of_code(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
            {"ClientComputedContentSHA256": given, "S3ComputedContentSHA256": computed},
        )


def check_chunks(
    request: Request, scope: str, first: str, sign: Callable[[str], str], complaints: Complaints
) -> None:
    """Refuse a body in signed chunks of which one is not the signed one.

    Each chunk's signature covers the one before it, from the request's own (`first`) on; `scope` is the
    timestamp and the credential scope.
    """
    decoded = _decoded(request, complaints)
    previous = first

    def verify(kind: str, covered: str, signature: str) -> str:
        to_sign = f"AWS4-HMAC-SHA256-{kind}\n{scope}\n{previous}\n{covered}"
        if not hmac.compare_digest(sign(to_sign).encode(), signature.encode()):
            raise complaints.mismatch({"StringToSign": to_sign, "SignatureProvided": signature})
        return signature

    for chunk in decoded.chunks:
        previous = verify("PAYLOAD", f"{_EMPTY}\n{sha256(chunk.data).hexdigest()}", chunk.signature)
    if request.header("x-amz-content-sha256").endswith("-TRAILER"):
        trailers = dict(decoded.trailers)
        signature = trailers.pop("x-amz-trailer-signature", "")
        text = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items()))
        verify("TRAILER", sha256(text.encode()).hexdigest(), signature)


def _decoded(request: Request, complaints: Complaints) -> aws_chunked.Decoded:
    try:
        decoded = aws_chunked.decode(request.body)
    except ValueError as error:
        raise complaints.of_code(
            "IncompleteBody", f"The request body is not aws-chunked: {error}."
        ) from error
    length = request.header("x-amz-decoded-content-length")
    if length and length != str(len(decoded.data)):
        message = (
            "You did not provide the number of bytes specified by the x-amz-decoded-content-length header"
        )
        raise complaints.of_code("IncompleteBody", message)
    return decoded


@cache
def _takes_unsigned_bodies(service_name: str) -> bool:
    """Whether a service has operations whose bodies botocore leaves unsigned."""
    known = service(service_name)
    if known is None:
        return False
    models = (known.operation(name) for name in known.model.operation_names)
    return any(model.unsigned_payload or model.auth_type == "v4-unsigned-body" for model in models)
