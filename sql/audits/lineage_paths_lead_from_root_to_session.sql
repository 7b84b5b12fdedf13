-- A path begins at its root, ends at its session, has one edge and one proof per step, and visits no session twice.
select session_id, root_session_id, path, edges
from fct_lineage
where
    path[1] is distinct from root_session_id
    or path[-1] is distinct from session_id
    or len(edges) <> hop_count
    or len(edge_event_ids) <> hop_count
    or len(path) <> hop_count + 1
    or len(list_distinct(path)) <> len(path)
    or confidence not between 0 and 1
