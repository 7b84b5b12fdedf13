-- model:   int_author_actions
-- purpose: What each session did each day, from where and with which client: how often, first and last.
-- grain:   one row per (event_date, recipient_account_id, session_id, event_source, event_name, network, client_family)
-- order:   event_date, session_id, event_source, event_name, recipient_account_id, network, client_family
-- inputs:  stg_events, seed_event_actions
-- stored:  by event_date
-- columns: iam_action     service:Action that the call needs: CloudTrail's name without its version suffix, where IAM
--                         has another name for it that one; '' where the call needs no permission
--          network        /24 of an IPv4 address, /48 of an IPv6 one; '' for services and calls on the caller's behalf
--          client_family  first product of the user agent, lower case; '' for services
--          event_count    calls, refused ones included
--          denied_count   calls that were denied
--          first_event_time  the first call
--          last_event_time   the last call
--          first_success_at  the first call that succeeded, with its event id; null if none did
--          first_success_event_id  its event id
--          last_success_at   the last one
--          last_success_event_id  its event id
--          last_denied_at    the last call that was denied; null if none was
--          last_denied_event_id  its event id
--          first_denied_at   the first one
-- source:  DETECTION design, "Evidence per grant, and the class"; AWS Service Authorization Reference

with events as (
    select
        event_date, recipient_account_id, session_id, event_source, event_name, event_time, is_success, is_denied,
        source_ip_address, user_agent, user_identity_type, user_identity_invoked_by, addendum, event_id,
        -- One number orders a session's events: the time, then a hash of the id as the tie-break.
        (epoch_us(event_time)::hugeint << 64) | hash(event_id)::hugeint as place
    from stg_events
),

-- A service that acts by itself is nobody's session; an addendum describes an earlier event and is no call.
-- First by the address and client as recorded, of which a session has few: their families are then named once each,
-- and numbered, for numbers group faster than texts; 0 stands for ''.
raw_counts as (
    select
        event_date, recipient_account_id, session_id, coalesce(event_source, '') as event_source,
        coalesce(event_name, '') as event_name, source_ip_address, user_agent,
        user_identity_invoked_by is not null as is_on_behalf,
        is_success, is_denied,
        count(*) as event_count,
        min(place) as first_place,
        max(place) as last_place,
        arg_min(event_id, place) as first_event_id,
        arg_max(event_id, place) as last_event_id
    from events
    where user_identity_type is distinct from 'AWSService' and addendum is null
    group by all
),

addresses as (
    select
        source_ip_address, network,
        case when network = '' then 0 else dense_rank() over (order by network) end as network_number
    from (
        select
            source_ip_address,
            case
                when regexp_full_match(source_ip_address, '[0-9]{1,3}(\.[0-9]{1,3}){3}')
                    then concat(regexp_extract(source_ip_address, '^([0-9]+\.[0-9]+\.[0-9]+)\.', 1), '.0/24')
                when contains(source_ip_address, ':')
                    then concat(
                        array_to_string(list_slice(string_split(lower(source_ip_address), ':'), 1, 3), ':'), '::/48'
                    )
                else ''
            end as network
        from (select distinct source_ip_address from raw_counts)
    )
),

agents as (
    select
        user_agent, client_family,
        case when client_family = '' then 0 else dense_rank() over (order by client_family) end as client_number
    from (
        select
            user_agent,
            case
                when user_agent is null then ''
                when regexp_matches(user_agent, '(?i)terraform') then 'terraform'
                when regexp_matches(user_agent, '(?i)^\[?(mozilla|s3console|console)|signin\.amazonaws|^aws internal')
                    then 'console'
                when regexp_matches(user_agent, '^[a-z0-9-]+\.amazonaws\.com$') then ''
                else lower(regexp_extract(user_agent, '^\[?([^/ ]{1,64})', 1))
            end as client_family
        from (select distinct user_agent from raw_counts)
    )
),

names as (
    select event_source, event_name, iam_action from seed_event_actions where event_name <> '*'
),

prefixes as (
    select event_source, split_part(iam_action, ':', 1) as service_prefix from seed_event_actions where event_name = '*'
),

-- A few thousand names for millions of rows: what IAM calls each is worked out once.
calls as (
    select
        row_number() over () as call_number, c.event_source, c.event_name,
        coalesce(
            case when n.iam_action = 'none' then '' else n.iam_action end,
            concat(
                coalesce(p.service_prefix, split_part(c.event_source, '.', 1)), ':',
                regexp_replace(c.event_name, '_?[0-9]{4}_?[0-9]{2}_?[0-9]{2}(v[0-9]+)?$', '')
            )
        ) as iam_action
    from (select distinct event_source, event_name from raw_counts) as c
    left join names as n on c.event_source = n.event_source and c.event_name = n.event_name
    left join prefixes as p on c.event_source = p.event_source
),

numbered as (
    select
        r.*,
        make_timestamptz((r.first_place >> 64)::bigint) as first_at,
        make_timestamptz((r.last_place >> 64)::bigint) as last_at,
        c.call_number,
        case when r.is_on_behalf then 0 else coalesce(d.network_number, 0) end as network_number,
        case when r.is_on_behalf then 0 else coalesce(g.client_number, 0) end as client_number
    from raw_counts as r
    inner join calls as c on r.event_source = c.event_source and r.event_name = c.event_name
    left join addresses as d on r.source_ip_address = d.source_ip_address
    left join agents as g on r.user_agent = g.user_agent
),

counted as (
    select
        event_date, recipient_account_id, session_id, call_number, network_number, client_number,
        sum(event_count)::bigint as event_count,
        sum(case when is_denied then event_count else 0 end)::bigint as denied_count,
        min(first_at) as first_event_time,
        max(last_at) as last_event_time,
        min(case when is_success then first_at end) as first_success_at,
        arg_min(case when is_success then first_event_id end, first_place) as first_success_event_id,
        max(case when is_success then last_at end) as last_success_at,
        arg_max(case when is_success then last_event_id end, last_place) as last_success_event_id,
        min(case when is_denied then first_at end) as first_denied_at,
        max(case when is_denied then last_at end) as last_denied_at,
        arg_max(case when is_denied then last_event_id end, last_place) as last_denied_event_id
    from numbered
    group by all
)

select
    c.event_date,
    c.recipient_account_id,
    c.session_id,
    calls.event_source,
    calls.event_name,
    calls.iam_action,
    coalesce(d.network, '') as network,
    coalesce(g.client_family, '') as client_family,
    c.event_count,
    c.denied_count,
    c.first_event_time,
    c.last_event_time,
    c.first_success_at,
    c.first_success_event_id,
    c.last_success_at,
    c.last_success_event_id,
    c.first_denied_at,
    c.last_denied_at,
    c.last_denied_event_id
from counted as c
inner join calls on c.call_number = calls.call_number
left join (select distinct network_number, network from addresses) as d on c.network_number = d.network_number
left join (select distinct client_number, client_family from agents) as g on c.client_number = g.client_number
