-- An edge leads from a session that acted to another that acted, and never claims more than its kind may.
select edges.from_session_id, edges.to_session_id, edges.edge, edges.confidence
from int_lineage_edges as edges
left join int_sessions as parents on edges.from_session_id = parents.session_id
left join int_sessions as children on edges.to_session_id = children.session_id
where
    parents.session_id is null
    or children.session_id is null
    or edges.from_session_id = edges.to_session_id
    or edges.confidence > case edges.edge
        when 'issued_key' then 1.0
        when 'shared_event' then 1.0
        when 'same_session' then 0.95
        when 'temporal' then 0.5
        when 'assumed_role_id' then 0.9
        when 'source_identity' then 0.9
        when 'pass_role' then 0.9
        else -1
    end
