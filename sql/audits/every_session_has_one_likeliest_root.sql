-- Who is behind a session is always answered, if only by the session itself.
select sessions.session_id, count(lineage.session_id) as first_root_count
from int_sessions as sessions
left join fct_lineage as lineage on sessions.session_id = lineage.session_id and lineage.lineage_rank = 1
group by sessions.session_id
having count(lineage.session_id) <> 1
