-- model:   stg_own_calls
-- purpose: Calls that apply journals say were made: what marks one's own remediation in the logs.
-- grain:   one row per (recipient_account_id, request_id)
-- order:   recipient_account_id, request_id
-- inputs:  ext_own_calls
with
calls as (select * from ext_own_calls)
select
    recipient_account_id, request_id, event_name, plan_id, step_id, remedied_finding_id, phase
from calls
