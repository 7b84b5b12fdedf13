"""Warms up what workers are forked from: importing this module takes one record through their steps before any fork.

What enters and leaves: nothing. Loading compiled code, laying out the tables of members and what Arrow looks for on its
first conversion cost most of a second of processor time; done here they are done once and every worker has them at its
fork. This module must never start a thread, open a connection or write a file: nothing of that survives a fork.
"""

from __future__ import annotations

from pipeline.archive import inflate_archive, split_records
from pipeline.flatten import ArchiveRecords, ArchiveRef, flatten_archives
from pipeline.settings import Caps

_RECORD = (
    b'{"Records":[{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA:warm",'
    b'"arn":"arn:aws:sts::111122223333:assumed-role/warm/warm","accountId":"111122223333"},'
    b'"eventTime":"2025-01-01T00:00:00Z","eventSource":"sts.amazonaws.com","eventName":"GetCallerIdentity",'
    b'"awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1","userAgent":"warm","requestParameters":null,'
    b'"responseElements":null,"eventID":"00000000-0000-0000-0000-000000000000","readOnly":true,'
    b'"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}]}'
)


def _warm_up() -> None:
    buffer = inflate_archive(_RECORD, Caps())
    spans = split_records(buffer, Caps())
    ref = ArchiveRef("file:///warm", "0", "0" * 64, None, None)
    flatten_archives([ArchiveRecords(buffer, spans.starts, spans.ends, spans.indexes, spans.strict, ref)])


_warm_up()
