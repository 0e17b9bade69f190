"""Buckets with their settings, and objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudkata.emulator.authorisation import grants
from cloudkata.emulator.state import Resource


def describe() -> Iterator[tuple[str, Resource]]:
    """`bucket NAME` and `object BUCKET/KEY`."""
    from moto.s3.models import s3_backends

    for _, regions in sorted(s3_backends.items()):
        for name, bucket in sorted(regions["aws"].buckets.items()):
            yield f"bucket {name}", _bucket(bucket)
            for key in sorted(bucket.keys):
                for number, version in enumerate(bucket.keys.getlist(key)):
                    suffix = "" if len(bucket.keys.getlist(key)) == 1 else f" (version {number + 1})"
                    yield f"object {name}/{key}{suffix}", _object(version)


def _bucket(bucket: Any) -> Resource:
    block = bucket.public_access_block
    return {
        "Region": bucket.region_name,
        "Versioning": bucket.versioning_status,
        "Policy": bucket.policy.decode() if bucket.policy else None,
        "Grants": [f"{grant.permission} to {grant.group or 'the owner'}" for grant in grants(bucket.acl)],
        "PublicAccessBlock": block.to_config_dict() if block else None,
        "ObjectOwnership": bucket.ownership_rule,
        "Lifecycle": [rule.to_config_dict() for rule in bucket.rules],
        "Encryption": bucket.encryption,
        "Cors": [vars(rule) for rule in bucket.cors],
        "Website": bucket.website_configuration.decode() if bucket.website_configuration else None,
        "Logging": bucket.logging,
        "ObjectLock": [bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years]
        if bucket.object_lock_enabled
        else None,
        "Notifications": bucket.notification_configuration.to_config_dict()
        if bucket.notification_configuration
        else None,
        "UnfinishedUploads": sorted(
            f"{upload.key_name} {upload.id}" for upload in bucket.multiparts.values()
        ),
    }


def _object(version: Any) -> Resource:
    if not hasattr(version, "etag"):
        return {"DeleteMarker": True}
    return {
        "ETag": version.etag,
        "Size": version.contentsize,
        "Metadata": dict(sorted(version.metadata.items())),
        "StorageClass": version.storage_class,
        "Grants": [f"{grant.permission} to {grant.group or 'the owner'}" for grant in grants(version.acl)],
        "LegalHold": version.lock_legal_status,
        "Retention": [version.lock_mode, str(version.lock_until or "")],
    }
