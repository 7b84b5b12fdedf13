"""What Python and the compiled code share: the record that the row filler works on, and what its numbers mean.

What enters and leaves: nothing. This module must never import a compiler: workers load it, and compile nothing.
"""

from __future__ import annotations

import numpy as np

from pipeline.flatten.json_tree import PLAIN_DEPTH

NONE, STRING, ESCAPED, NUMBER, TRUE, FALSE, NULL, OBJECT, ARRAY, MANY = range(10)
"""Kinds of a slot's value; ``ESCAPED`` is a string that holds a backslash."""

MAX_KEYS = 1024
MAX_SIBLINGS = 256
MAX_SECRETS = 8
MAX_MARKS = 65_536
"""Of a record that compiled code reads: CloudTrail's own limit is 256 KB a record."""
BLOCK = 64
"""Bytes that are marked at once."""
VECTOR = 32
"""Bytes that are compared at once."""

NODE, SLOT, START, IS_OBJECT, FIRST_KEY, KNOWN_KEYS, LAST_KEY = range(7)
"""Words of a level on the stack: what it was when a value within it began."""
LEVEL_WORDS = 7

ROOT = 1
"""The trie's node of a record itself; 0 is that of all that is not known."""

EDGE_NODE, EDGE_HASH, EDGE_KEY, EDGE_LENGTH, EDGE_CHILD, EDGE_SLOT, EDGE_BIT = range(7)
"""Words of an edge of the trie, from a node by a key; the bit tells it from the node's first 62 others, 0 from none."""
EDGE_WORDS = 8
"""A line of the cache."""
EDGE_BITS = 62

SCAN = [
    (name, np.int64)
    for name in (
        "slot_at",  # arrays by slot
        "slot_end",
        "slot_kind",
        "slot_count",
        "marks",  # addresses of quotes, backslashes and control characters of the record, in order
        "stack",
        "seen",  # hashes of the keys of all open objects that have no bit
        "secret_at",
        "secret_end",
        "secret_count",
        "session_count",  # keys that name a session token
        "trie",  # open-addressing table of known keys: (node, key) to child node and slot
        "trie_mask",
        "next_edge",  # by place in the trie, then by node: edge of the key that came next, or first, last time
        "element_node",  # of a list's node: child node and slot of its items
        "element_slot",
        "identity_slot",
        "memo_at",  # identities seen lately, by their first bytes
        "memo_length",
        "memo_code",
        "memo_turn",
        "event_id_slot",
        "agent_slot",
        "version_slot",
        "front_keys",  # bits of the members that stand before a run
        "keys_to_agent",  # bits of the record's members up to its agent, up to its id, and of all
        "keys_to_id",
        "root_keys",
        "runs",  # entries, and three words for each value: column, and what it holds there
        "run_values",
    )
]
"""Fields of the scanner's working memory: addresses of int64 arrays, and counts."""

MEMO_BUCKETS, MEMO_WAYS, MEMO_REACH = 1024, 4, 144
RUN_BUCKETS, RUN_WAYS, RUN_VALUES = 1024, 4, 20
RUN_REACH = 160
"""Bytes by which a run is looked up: up to the agent, as good as always."""
(
    RUN_AT,
    RUN_LENGTH,
    RUN_KEYS,
    RUN_COUNT,
    RUN_ENDING_AT,
    RUN_ENDING_LENGTH,
    RUN_ENDING_KEYS,
    RUN_ENDING_COUNT,
    RUN_TURN,
    RUN_LAST,
) = range(10)
"""Words of an entry; the last two, whose turn it is and the hash of what was new last, are its bucket's."""
RUN_WORDS = 10
SCAN_SIZES = {
    "marks": MAX_MARKS + 2 * BLOCK,
    "stack": (PLAIN_DEPTH + 1) * LEVEL_WORDS,
    "seen": MAX_KEYS,
    "secret_at": MAX_SECRETS,
    "secret_end": MAX_SECRETS,
    "memo_at": MEMO_BUCKETS * MEMO_WAYS,
    "memo_length": MEMO_BUCKETS * MEMO_WAYS,
    "memo_code": MEMO_BUCKETS * MEMO_WAYS,
    "memo_turn": MEMO_BUCKETS,
    "runs": RUN_BUCKETS * RUN_WAYS * RUN_WORDS,
}
"""Elements of the arrays that the scanner works in."""

FINISHED, NEEDS_ROOM, NEEDS_KIND, NEEDS_ARENA = range(4)
"""Why ``fill_rows`` came back."""

IS_ESCAPED = 2
"""Bit in the meta of a place whose string holds a backslash."""

PENDING, DONE, ODD = 0, 1, 2
"""State of a row."""

TEXT, BOOLEAN, TIME, JSON = range(4)
CODE_TARGET, BOOLEAN_TARGET = 1_000, 2_000

STATE = np.dtype(
    [
        *SCAN,
        *(
            (name, np.int64)
            for name in (
                "row_count",
                "start",  # arrays by row: where the record is, the end of readable bytes, the latest plausible time
                "end",
                "limit",
                "latest",
                "view_used",  # bytes by column: whether it holds anything; only then have its places a meaning
                "view_at",  # columns by rows; a place is (address, length * 4 + is_escaped * 2 + 1), 0 is null
                "view_meta",
                "code",  # int32: entry + 1; 0 is null
                "boolean",  # bytes
                "time",
                "id_start",  # first bytes of the event id as a number that sorts as they do
                "identity",  # int32: entry + 1; 0 is null
                "is_omitted",  # bytes
                "done",  # bytes: PENDING, DONE, ODD
                "identity_at",  # identity columns by entries
                "identity_meta",  # of a boolean its byte, of a time microseconds * 2 + 1
                "view_count",
                "code_count",
                "boolean_count",
                "plain",  # triples: slot, target, is_json
                "plain_count",
                "rule_first",
                "rule_slot",
                "rule_target",
                "identity_slots",
                "identity_kinds",
                "identity_count",
                "time_slot",
                "omitted_slot",
                "source_column",
                "name_column",
                "account_column",
                "event_id_column",
                "earliest",
                "interner",  # control blocks
                "identities",
                "kind_mask",  # rule by pair of event source and name, an open-addressing table
                "kind_key",
                "kind_rule",
                "kind_count",
                "arena",  # bytes of spliced members
                "arena_size",
                "arena_used",
                "row",  # the row to go on with
            )
        ),
    ]
)
"""What the row filler works on, as one record: addresses of arrays, and numbers."""

TABLE, MASK, HASH, AT, META, COLUMN, COUNT, CAPACITY = range(8)
"""Words of an interner's control block: addresses, and how much of them is used."""

ROOM_PER_ROW = 32
"""Entries that one row may add at most."""

DIGEST_BYTES = 32
"""Of a SHA-256."""

LANE_AT, LANE_BLOCKS, LANE_SPAN, LANE_HAS_TAIL, LANE_COUNT, LANE_STARTS, LANE_ENDS, LANE_DIGESTS = range(4, 12)
"""Words of a lane of ``kernels.sha256`` behind its state: what is in hand (where it goes on, for how many blocks, which
message, whether that is its end), and all its messages (how many, where they begin and end, where digests go)."""
LANE_TAIL, LANE_WORDS = 12, 28
"""Where the two blocks are in which messages end, and words in all."""
