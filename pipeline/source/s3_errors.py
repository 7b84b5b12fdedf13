"""What S3 and its client answer, as sentences a user can act on.

What enters: exceptions of boto3. What leaves: ``UsageError`` for a source that cannot work as given, ``SourceError``
for one object. This module must never swallow what it does not know: the code and text of AWS are passed on.
"""

from __future__ import annotations

from botocore import exceptions as aws

from pipeline.errors import Location, ObjectChangedError, SourceError, UsageError

FAILURES = (aws.BotoCoreError, aws.ClientError)
"""Everything that a boto3 call raises on purpose."""

_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile"
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId": "AWS does not know this access key",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key",
    "InvalidToken": "the session token is malformed",
    "InvalidClientTokenId": "AWS does not know this access key",
    "ExpiredToken": "the session has expired",
    "ExpiredTokenException": "the session has expired",
    "TokenRefreshRequired": "the session has expired",
}


def code_of(error: Exception) -> str:
    """AWS's error code, "" where the failure is the client's own."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def status_of(error: Exception) -> int:
    """The HTTP status of the answer, 0 where there was none."""
    if not isinstance(error, aws.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explain_client(error: Exception) -> UsageError:
    """Why no client could be made or no call be signed: profile, credentials, endpoint."""
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return UsageError(f"no AWS credentials: {error}", hint=_CREDENTIALS)
    if isinstance(error, aws.ProfileNotFound):
        return UsageError(f"no such AWS profile: {error}", hint="see ~/.aws/config, or leave out --profile")
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError)):
        return UsageError(f"cannot reach S3: {error}", hint="check --endpoint-url, --region and the network")
    return UsageError(f"cannot use AWS as configured: {error}")


def explain_bucket(error: Exception, bucket: str, prefix: str) -> UsageError | SourceError:
    """Why a bucket could not be opened."""
    code = code_of(error)
    if isinstance(error, aws.ParamValidationError):
        return UsageError(f"no bucket can be named {bucket!r}", hint="give s3://bucket/prefix")
    if not code:
        return explain_client(error)
    if code in {"NoSuchBucket", "404"}:
        return UsageError(f"no such bucket: {bucket}", hint="check its name, and --endpoint-url if it is not on AWS")
    if code in _BAD_CREDENTIALS:
        return UsageError(f"cannot open s3://{bucket}: {_BAD_CREDENTIALS[code]} ({code})", hint=_CREDENTIALS)
    if code in {"AccessDenied", "AllAccessDisabled", "403"}:
        return UsageError(
            f"not allowed to list s3://{bucket}/{prefix} ({code})",
            hint="the caller needs s3:ListBucket on the bucket and s3:GetObject on its objects",
        )
    if status_of(error) >= 500 or code == "SlowDown":
        return SourceError(f"S3 keeps failing to list s3://{bucket}/{prefix} ({code}): {error}", hint="run again later")
    return UsageError(f"cannot open s3://{bucket}/{prefix}: {error}")


def explain_listing(error: Exception, uri: str) -> SourceError:
    """Why a part of a listing failed after all retries."""
    code = code_of(error)
    if code == "AccessDenied":
        return SourceError("not allowed to list", location=Location(uri), hint="the caller needs s3:ListBucket")
    return SourceError(f"cannot list: {error}", location=Location(uri), hint="run again")


def explain_object(error: Exception, uri: str) -> SourceError:
    """Why one object could not be fetched after all retries."""
    location, code, text = Location(uri), code_of(error), str(error)
    if code in {"PreconditionFailed", "412"}:
        return ObjectChangedError("the object was replaced since it was listed; run again", location=location)
    if code in {"NoSuchKey", "404", "NoSuchVersion"}:
        return ObjectChangedError("the object was deleted since it was listed", location=location)
    if code == "InvalidObjectState":
        return SourceError(
            "the object is in an archived storage class",
            location=location,
            hint="restore it (RestoreObject), run again",
        )
    if code.startswith("KMS.") or "kms:" in text.lower():
        return SourceError(
            f"the object's KMS key cannot be used: {text}", location=location, hint="the caller needs kms:Decrypt on it"
        )
    if code in {"AccessDenied", "403"}:
        return SourceError(
            f"not allowed to read the object: {text}", location=location, hint="the caller needs s3:GetObject"
        )
    if code in {"SlowDown", "503"}:
        return SourceError(
            "S3 kept answering SlowDown", location=location, hint="run again, or lower concurrency in [s3]"
        )
    return SourceError(f"cannot fetch the object: {text}", location=location, hint="run again")
