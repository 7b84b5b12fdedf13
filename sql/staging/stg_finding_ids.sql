-- model:   stg_finding_ids
-- purpose: The id each finding is known by, inherited from an earlier build where they share a grant.
-- grain:   one row per own_finding_id
-- order:   own_finding_id
-- inputs:  ext_finding_ids
with
ids as (select * from ext_finding_ids)
select
    own_finding_id, finding_id, supersedes
from ids
