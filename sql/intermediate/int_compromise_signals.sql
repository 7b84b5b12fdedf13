-- model:   int_compromise_signals
-- purpose: Signs, around a permission change, that someone else acts in the principal's name.
-- grain:   one row per (recipient_account_id, event_id, signal)
-- order:   recipient_account_id, event_id, signal
-- inputs:  int_grant_deltas, int_author_sessions, int_author_actions, int_identity_events, int_identity_issuances
-- params:  $lookback_days, $history_min_events, $burst_denials
-- stored:  full
-- columns: signal  new_network, new_client, mfa_lost, denial_burst, fresh_key, log_tampering, omitted_parameters
--          is_decisive  enough by itself for a high suspicion: tampering with the log, or hiding the request
--          proof_event_id  event that shows it
--          proof_account_id  account that recorded it
--          proof_date  its date
--          signal_count  how many events or sessions the signal counts
-- source:  DETECTION design, "Evidence per grant, and the class": C compromise

with grants as (
    select distinct
        recipient_account_id, event_id, event_time, event_date, event_name, session_id, actor_key, root_session_id,
        root_baseline_arn, user_identity_access_key_id, is_request_omitted
    from int_grant_deltas
    where is_effective and not is_service_actor
),

sessions as (
    select
        session_id, principal_key, root_session_id, root_baseline_arn, identity_type, is_from_console, is_mfa,
        created_at, first_event_time, first_event_id
    from int_author_sessions
),

footprints as (
    select
        s.root_baseline_arn, a.event_date, a.session_id, a.event_source, a.event_name, a.recipient_account_id,
        a.network, a.client_family, a.event_count, a.first_event_time, a.last_event_time
    from int_author_actions as a
    inner join sessions as s on a.session_id = s.session_id
    where s.root_baseline_arn in (select root_baseline_arn from grants)
),

days as (
    select root_baseline_arn, event_date, sum(event_count) as event_count
    from footprints
    group by root_baseline_arn, event_date
),

origins as (
    select root_baseline_arn, 'new_network' as signal, network as origin, min(first_event_time) as first_seen_at
    from footprints
    where network <> ''
    group by root_baseline_arn, network
    union all
    select root_baseline_arn, 'new_client' as signal, client_family as origin, min(first_event_time) as first_seen_at
    from footprints
    where client_family <> ''
    group by root_baseline_arn, client_family
),

seen as (
    select distinct
        g.recipient_account_id, g.event_id, g.event_time, g.event_date, g.root_baseline_arn, f.network,
        f.client_family
    from grants as g
    inner join footprints as f
        on g.session_id = f.session_id
        and g.event_date = f.event_date
        and g.recipient_account_id = f.recipient_account_id
        and g.event_name = f.event_name
        and g.event_time between f.first_event_time and f.last_event_time
),

fresh_origins as (
    select s.recipient_account_id, s.event_id, s.event_date, s.root_baseline_arn, o.signal, o.first_seen_at
    from seen as s
    inner join origins as o
        on s.root_baseline_arn = o.root_baseline_arn
        and (
            (o.signal = 'new_network' and o.origin = s.network)
            or (o.signal = 'new_client' and o.origin = s.client_family)
        )
    where o.first_seen_at > s.event_time - interval '24 hours'
),

known as (
    select
        n.root_baseline_arn, n.signal, n.day,
        coalesce(sum(d.event_count), 0) as event_count, count(d.event_date) as day_count
    from (select distinct root_baseline_arn, signal, first_seen_at::date as day from fresh_origins) as n
    left join days as d
        on n.root_baseline_arn = d.root_baseline_arn
        and d.event_date < n.day
        and d.event_date >= n.day - $lookback_days::integer
    group by n.root_baseline_arn, n.signal, n.day
),

known_origins as (
    select k.root_baseline_arn, k.signal, k.day, k.event_count, k.day_count, count(o.origin) as origin_count
    from known as k
    left join origins as o
        on k.root_baseline_arn = o.root_baseline_arn
        and k.signal = o.signal
        and o.first_seen_at::date < k.day
    group by k.root_baseline_arn, k.signal, k.day, k.event_count, k.day_count
),

-- Novelty means something only for who does not come from somewhere new every other day, as CI runners do.
by_origin as (
    select
        f.recipient_account_id, f.event_id, f.signal, false as is_decisive, f.event_id as proof_event_id,
        f.recipient_account_id as proof_account_id, f.event_date as proof_date,
        k.event_count::bigint as signal_count
    from fresh_origins as f
    inner join known_origins as k
        on f.root_baseline_arn = k.root_baseline_arn and f.signal = k.signal and f.first_seen_at::date = k.day
    where
        k.event_count >= $history_min_events
        and k.origin_count between 1 and greatest(3, k.day_count / 3)
),

-- Compared within one kind of session only: a long-lived key has no such member, a federated one is normally false.
by_mfa as (
    select
        g.recipient_account_id, g.event_id, 'mfa_lost' as signal, false as is_decisive,
        g.event_id as proof_event_id, g.recipient_account_id as proof_account_id, g.event_date as proof_date,
        count(*) as signal_count
    from grants as g
    inner join sessions as s on g.session_id = s.session_id
    inner join sessions as e
        on s.principal_key = e.principal_key
        and s.identity_type = e.identity_type
        and s.is_from_console is not distinct from e.is_from_console
    where
        s.is_mfa = false and s.principal_key <> '' and e.is_mfa is not null and e.created_at is not null
        and e.first_event_time < s.first_event_time
        and e.first_event_time >= s.first_event_time - to_days($lookback_days::integer)
    group by g.recipient_account_id, g.event_id, g.event_date
    having count(*) >= 3 and bool_and(e.is_mfa)
),

refused as (
    select
        s.root_session_id, e.event_time, e.event_id, e.recipient_account_id, e.event_date, true as is_denial
    from int_identity_events as e
    inner join sessions as s on e.session_id = s.session_id
    where e.is_denied and s.root_session_id in (select root_session_id from grants)
    union all
    select root_session_id, event_time, event_id, recipient_account_id, event_date, false as is_denial from grants
),

counted as (
    select
        *,
        count(*) filter (where is_denial) over hour_before as denial_count,
        last_value(case when is_denial then event_id end ignore nulls) over so_far as denied_event_id,
        last_value(case when is_denial then recipient_account_id end ignore nulls) over so_far as denied_account_id,
        last_value(case when is_denial then event_date end ignore nulls) over so_far as denied_date
    from refused
    window
        hour_before as (
            partition by root_session_id order by event_time
            range between interval '1 hour' preceding and current row
        ),
        so_far as (
            partition by root_session_id order by event_time, is_denial desc, event_id
            rows between unbounded preceding and current row
        )
),

by_denials as (
    select
        recipient_account_id, event_id, 'denial_burst' as signal, false as is_decisive,
        denied_event_id as proof_event_id, denied_account_id as proof_account_id, denied_date as proof_date,
        denial_count as signal_count
    from counted
    where not is_denial and denial_count >= $burst_denials
),

created_keys as (
    select i.recipient_account_id, i.event_id, i.event_time, i.event_date, i.issued_access_key_id, s.principal_key
    from int_identity_issuances as i
    inner join sessions as s on i.from_session_id = s.session_id
    where i.event_name = 'CreateAccessKey' and i.issued_access_key_id like 'AKIA%'
),

by_key as (
    select
        g.recipient_account_id, g.event_id, 'fresh_key' as signal, false as is_decisive,
        k.event_id as proof_event_id, k.recipient_account_id as proof_account_id, k.event_date as proof_date,
        1::bigint as signal_count
    from grants as g
    inner join created_keys as k on g.user_identity_access_key_id = k.issued_access_key_id
    where
        k.event_time between g.event_time - interval '24 hours' and g.event_time
        and k.principal_key is distinct from g.actor_key
),

tampering as (
    select
        e.recipient_account_id, e.event_id, e.event_time, e.event_date, s.root_session_id, s.root_baseline_arn
    from int_identity_events as e
    inner join sessions as s on e.session_id = s.session_id
    where
        e.event_source = 'cloudtrail.amazonaws.com' and e.is_success
        and e.event_name in ('StopLogging', 'DeleteTrail', 'PutEventSelectors')
),

by_tampering as (
    select
        g.recipient_account_id, g.event_id, 'log_tampering' as signal, true as is_decisive,
        t.event_id as proof_event_id, t.recipient_account_id as proof_account_id, t.event_date as proof_date,
        1::bigint as signal_count
    from grants as g
    inner join tampering as t
        on (
            t.root_session_id = g.root_session_id
            and t.event_time between g.event_time - interval '6 hours' and g.event_time + interval '6 hours'
        )
        or (
            t.root_baseline_arn = g.root_baseline_arn
            and t.event_time between g.event_time - interval '1 hour' and g.event_time + interval '1 hour'
        )
),

by_omission as (
    select
        recipient_account_id, event_id, 'omitted_parameters' as signal, true as is_decisive,
        event_id as proof_event_id, recipient_account_id as proof_account_id, event_date as proof_date,
        1::bigint as signal_count
    from grants
    where is_request_omitted
),

signals as (
    select * from by_origin
    union all
    select * from by_mfa
    union all
    select * from by_denials
    union all
    select * from by_key
    union all
    select * from by_tampering
    union all
    select * from by_omission
)

select
    recipient_account_id,
    event_id,
    signal,
    is_decisive,
    proof_event_id,
    proof_account_id,
    proof_date,
    signal_count
from signals
qualify row_number() over (
    partition by recipient_account_id, event_id, signal order by proof_date, proof_event_id, proof_account_id
) = 1
