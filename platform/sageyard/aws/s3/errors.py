"""S3's errors: XML, with S3's own codes and HTTP status."""

from html import escape

from sageyard.errors import AwsError

STATUS = {
    "AccessDenied": 403,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "IncompleteBody": 400,
    "InsufficientStorage": 507,  # not AWS's, whose disks are never full; botocore repeats a 500, and not this
    "InvalidBucketState": 409,
    "InvalidRange": 416,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchConfiguration": 404,
    "NoSuchCORSConfiguration": 404,
    "NoSuchKey": 404,
    "NoSuchLifecycleConfiguration": 404,
    "NoSuchObjectLockConfiguration": 404,
    "NoSuchPublicAccessBlockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NoSuchWebsiteConfiguration": 404,
    "ObjectLockConfigurationNotFoundError": 404,
    "PreconditionFailed": 412,
    "ReplicationConfigurationNotFoundError": 404,
}


class S3Error(AwsError):
    """One S3 error; the HTTP status follows from the code, 400 where the table has none.

    `details` become elements of the error document (Key, BucketName, Condition, ...), `headers` go with the answer.
    """

    def __init__(
        self, code: str, message: str, *, headers: dict[str, str] | None = None, **details: str | int | None
    ) -> None:
        super().__init__(message, code=code)
        self.http_status = STATUS.get(code, 400)
        self.headers = headers or {}
        self.details = details

    def document(self) -> bytes:
        """The XML body (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""
        fields = {"Code": self.code, "Message": self.message, **self.details}
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items() if value is not None)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>SAGEYARD</RequestId></Error>'.encode()


def no_such_bucket(bucket: str) -> S3Error:
    """NoSuchBucket, as S3 words it."""
    return S3Error("NoSuchBucket", "The specified bucket does not exist", BucketName=bucket)


def no_such_key(key: str) -> S3Error:
    """NoSuchKey, as S3 words it."""
    return S3Error("NoSuchKey", "The specified key does not exist.", Key=key)
