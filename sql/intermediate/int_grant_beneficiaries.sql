-- model:   int_grant_beneficiaries
-- purpose: Why a grant benefits whoever made it: each way, with its event.
-- grain:   one row per (recipient_account_id, event_id, target_arn, benefit)
-- order:   recipient_account_id, event_id, target_arn, benefit
-- inputs:  int_grant_deltas, int_grant_sessions, int_identity_issuances, int_identity_events, int_author_sessions
-- params:  $lookback_days
-- stored:  full
-- columns: benefit  own, held, assumed, credential, key_made, trust, outside, pass_role, candidate
--          confidence  of the link between grant and beneficiary
--          is_temporal  it rests on a session name and an address alone
--          proof_event_id  event that shows it: the grant itself, an AssumeRole, the session's first call
--          proof_account_id  account that recorded it
--          proof_at  its time
--          is_compute_abroad  pass_role: the compute's credentials wrote to IAM or STS, or were used from elsewhere
-- source:  DETECTION design, "Evidence per grant, and the class": B beneficiary

with grants as (
    select *
    from int_grant_deltas
    where is_effective and tier_rank >= 2 and not is_service_actor
),

held as (
    select * from int_grant_sessions
),

sessions as (
    select session_id, root_session_id, root_baseline_arn, first_event_id, lineage_confidence from int_author_sessions
),

-- An answer to AssumeRole is a session even where no call of that session was recorded.
issuances as (
    select
        i.recipient_account_id, i.event_id, i.event_time, s.root_session_id, s.root_baseline_arn,
        s.lineage_confidence,
        lower(concat(
            split_part(i.assumed_role_arn, ':', 5), '|role|', split_part(i.assumed_role_arn, '/', -1)
        )) as target_key
    from int_identity_issuances as i
    inner join sessions as s on i.from_session_id = s.session_id
    where i.assumed_role_arn is not null and not i.is_by_service
),

logins as (
    select
        recipient_account_id, event_id, event_time, source_ip_address,
        lower(concat(recipient_account_id, '|user|', user_identity_user_name)) as target_key
    from int_identity_events
    where event_name = 'ConsoleLogin' and console_login_result = 'Success' and user_identity_user_name is not null
),

own as (
    select
        g.recipient_account_id, g.event_id, g.target_arn, 'own' as benefit, 1.0 as confidence, false as is_temporal,
        g.event_id as proof_event_id, g.recipient_account_id as proof_account_id, g.event_time as proof_at,
        false as is_compute_abroad
    from grants as g
    where g.target_key <> '' and g.target_key = g.actor_key
),

by_issuance as (
    select
        g.recipient_account_id, g.event_id, g.target_arn,
        case when i.event_time <= g.event_time then 'held' else 'assumed' end as benefit,
        i.lineage_confidence as confidence, false as is_temporal, i.event_id as proof_event_id,
        i.recipient_account_id as proof_account_id, i.event_time as proof_at, false as is_compute_abroad
    from grants as g
    inner join issuances as i
        on g.target_key = i.target_key
        and (g.root_session_id = i.root_session_id or g.root_baseline_arn = i.root_baseline_arn)
    where
        g.target_key <> ''
        -- That one had assumed one's own role before is no news.
        and (g.target_key <> g.actor_key or i.event_time > g.event_time)
        and i.event_time between g.event_time - to_days($lookback_days::integer)
            and g.event_time + to_days($lookback_days::integer)
),

by_session as (
    select
        h.recipient_account_id, h.event_id, h.target_arn,
        case
            when h.is_compute then 'pass_role'
            when g.is_credential and h.relation <> 'held' then 'credential'
            else h.relation
        end as benefit,
        h.confidence, h.has_temporal_edge as is_temporal, s.first_event_id as proof_event_id,
        h.recipient_account_id as proof_account_id, h.first_event_time as proof_at,
        h.is_compute_abroad
    from held as h
    inner join grants as g
        on h.recipient_account_id = g.recipient_account_id
        and h.event_id = g.event_id
        and h.target_arn = g.target_arn
    inner join sessions as s on h.session_id = s.session_id
    where not (h.relation = 'own' and g.target_key = g.actor_key)
),

-- A password set for another user, then a sign-in as that user from the very address that set it.
by_login as (
    select
        g.recipient_account_id, g.event_id, g.target_arn, 'credential' as benefit, 0.5 as confidence,
        true as is_temporal, l.event_id as proof_event_id, l.recipient_account_id as proof_account_id,
        l.event_time as proof_at, false as is_compute_abroad
    from grants as g
    inner join logins as l on g.target_key = l.target_key and g.source_ip_address = l.source_ip_address
    where
        g.event_name in ('CreateLoginProfile', 'UpdateLoginProfile') and g.is_credential
        and l.event_time between g.event_time and g.event_time + interval '24 hours'
),

-- A key made for the very principal that was granted something: whoever made it can use it.
by_made_key as (
    select
        g.recipient_account_id, g.event_id, g.target_arn, 'key_made' as benefit, 0.5 as confidence,
        false as is_temporal, k.event_id as proof_event_id, k.recipient_account_id as proof_account_id,
        k.event_time as proof_at, false as is_compute_abroad
    from grants as g
    inner join int_grant_deltas as k
        on g.target_key = k.target_key and g.root_session_id = k.root_session_id and k.is_credential
    where
        not g.is_credential and g.target_key <> '' and g.delta_state <> 'unknown'
        and k.event_time between g.event_time - interval '24 hours' and g.event_time + interval '24 hours'
),

let_in as (
    select g.*, unnest(g.trust_added) as principal from grants as g where g.is_trust_change
),

by_trust as (
    select
        recipient_account_id, event_id, target_arn,
        case
            when contains(principal, concat(':', recipient_account_id, ':')) or principal = recipient_account_id
                then 'trust'
            else 'outside'
        end as benefit,
        1.0 as confidence, false as is_temporal, event_id as proof_event_id,
        recipient_account_id as proof_account_id, event_time as proof_at, false as is_compute_abroad
    from let_in
    where
        -- Its own account as a whole names nobody; a service or an identity provider is nobody's own session.
        principal <> recipient_account_id
        and not regexp_full_match(principal, concat('arn:[^:]*:iam::', recipient_account_id, ':root'))
        and not regexp_matches(principal, '\.amazonaws\.com(\.cn)?$|:saml-provider/|:oidc-provider/')
        and (
            principal = '*'
            or principal in (actor_arn, root_principal_arn, root_baseline_arn)
            or lower(regexp_replace(principal, '^arn:[^:]*:(iam|sts)::([0-9]{12}):(role|user)/(.*/)?([^/]+)$', '\2|\3|\5'))
                = actor_key
            or regexp_matches(principal, '^[0-9]{12}$')
            or (
                regexp_matches(principal, '^arn:[^:]*:(iam|sts)::[0-9]{12}:')
                and not contains(principal, concat('::', recipient_account_id, ':'))
            )
        )
),

ways as (
    select * from own
    union all
    select * from by_issuance
    union all
    select * from by_session
    union all
    select * from by_login
    union all
    select * from by_made_key
    union all
    select * from by_trust
)

select
    recipient_account_id,
    event_id,
    target_arn,
    benefit,
    confidence::double as confidence,
    is_temporal,
    proof_event_id,
    proof_account_id,
    proof_at,
    bool_or(is_compute_abroad) over (
        partition by recipient_account_id, event_id, target_arn, benefit
    ) as is_compute_abroad
from ways
qualify row_number() over (
    partition by recipient_account_id, event_id, target_arn, benefit
    order by is_temporal, confidence desc, proof_at, proof_event_id, proof_account_id
) = 1
