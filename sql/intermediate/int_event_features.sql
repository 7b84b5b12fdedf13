-- model:   int_event_features
-- purpose: What of each identity event can be usual or unusual for whoever did it, as text, with how often that
--          value had been seen earlier the same day.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  int_identity_events, int_write_tiers
-- stored:  by event_date
-- columns: baseline_principal  person where the record tells one (source identity, Identity Center user), else the
--                              role without its session name, else the user; CI and SSO session names change every run
--          peer_group          the role that the person uses, else the kind of principal
--          action              service:EventName
--          target              role, user, group or policy that the call names, or the role it assumes
--          network             /24 of an IPv4 address, /48 of an IPv6 one, else the service's name
--          client              user agent's family
--          region              aws_region
--          hour                hour of the day, UTC
--          tier                tier of what a permission-changing call added
--          outcome             'ok' or the error code
--          earlier_count       events of the principal earlier the same day
--          hour_count          events of the principal in the same hour, up to and including this one
--          earlier_by_feature  the same for each feature's value, in the order action, target, network, client,
--                              region, hour, tier, outcome
-- source:  DETECTION design, "Anomaly score"
with
identity_events as (select * from int_identity_events),
write_tiers as (select event_date, recipient_account_id, event_id, tier from int_write_tiers),
-- Addresses and clients repeat: each is named once.
addresses as (
    select
        source_ip_address,
        case
            when regexp_full_match(source_ip_address, '[0-9]{1,3}(\.[0-9]{1,3}){3}')
                then concat(regexp_extract(source_ip_address, '^([0-9]+\.[0-9]+\.[0-9]+)\.', 1), '.0/24')
            when contains(source_ip_address, ':')
                then concat(array_to_string(list_slice(string_split(lower(source_ip_address), ':'), 1, 3), ':'), '::/48')
            else source_ip_address
        end as network
    from (select distinct source_ip_address from identity_events)
),
agents as (
    select
        user_agent,
        case
            when regexp_matches(user_agent, '(?i)terraform') then 'terraform'
            when regexp_matches(user_agent, '(?i)^\[?(mozilla|s3console|console)|signin\.amazonaws|^aws internal')
                then 'console'
            else lower(regexp_extract(user_agent, '^\[?([^/ ]{1,64})', 1))
        end as client
    from (select distinct user_agent from identity_events)
),
scored as materialized (
    select
        row_number() over () as event_number,
        e.event_date, e.event_time, e.event_id, e.recipient_account_id, e.session_id, e.is_denied,
        case
            when e.session_source_identity is not null
                then concat(e.recipient_account_id, ':source-identity/', e.session_source_identity)
            when e.on_behalf_of_user_id is not null
                then concat(e.recipient_account_id, ':identity-center-user/', e.on_behalf_of_user_id)
            when e.session_issuer_user_name like 'AWSReservedSSO\_%' escape '\'
                then coalesce(e.user_identity_arn, e.session_issuer_arn)
            else coalesce(e.session_issuer_arn, e.user_identity_arn, e.user_identity_principal_id, '')
        end as baseline_principal,
        case
            when
                e.session_source_identity is not null or e.on_behalf_of_user_id is not null
                or e.session_issuer_user_name like 'AWSReservedSSO\_%' escape '\'
                then coalesce(e.session_issuer_arn, e.user_identity_type, '')
            else coalesce(e.user_identity_type, '')
        end as peer_group,
        concat(split_part(e.event_source, '.', 1), ':', e.event_name) as action,
        coalesce(
            e.target_role_arn, e.assumed_role_arn, 'role/' || e.target_role_name, 'user/' || e.target_user_name,
            'group/' || e.target_group_name, e.policy_arn, e.passed_role_arn
        ) as target,
        d.network,
        g.client,
        e.aws_region as region,
        lpad(extract(hour from e.event_time)::varchar, 2, '0') as hour,
        t.tier,
        coalesce(nullif(e.error_code, '200'), 'ok') as outcome
    from identity_events as e
    left join write_tiers as t
        on e.event_date = t.event_date
        and e.recipient_account_id = t.recipient_account_id
        and e.event_id = t.event_id
    left join addresses as d on e.source_ip_address = d.source_ip_address
    left join agents as g on e.user_agent = g.user_agent
    where
        (e.is_read_only is distinct from true or e.is_denied or e.event_name like 'AssumeRole%')
        and e.user_identity_type is distinct from 'AWSService'
        and coalesce(e.session_issuer_arn, '') not like '%:role/aws-service-role/%'
        and e.addendum is null
),
-- Windows sort: they are given a number for the principal's day, and no column that they do not need.
principal_days as (
    select row_number() over () as day_number, event_date, recipient_account_id, baseline_principal
    from (select distinct event_date, recipient_account_id, baseline_principal from scored)
),
ranks as (
    select
        s.event_number,
        -- A row's rank, less one, counts the rows that are earlier in time; those of the same instant are not.
        rank() over principal_day - 1 as earlier_count,
        count(*) over (
            partition by d.day_number, s.hour order by s.event_time range between unbounded preceding and current row
        ) as hour_count,
        [
            rank() over by_action - 1,
            rank() over by_target - 1,
            rank() over by_network - 1,
            rank() over by_client - 1,
            rank() over by_region - 1,
            rank() over by_hour - 1,
            rank() over by_tier - 1,
            rank() over by_outcome - 1
        ] as earlier_by_feature
    from scored as s
    inner join principal_days as d
        on s.event_date = d.event_date
        and s.recipient_account_id = d.recipient_account_id
        and s.baseline_principal = d.baseline_principal
    window
        principal_day as (partition by d.day_number order by s.event_time),
        by_action as (partition by d.day_number, s.action order by s.event_time),
        by_target as (partition by d.day_number, s.target order by s.event_time),
        by_network as (partition by d.day_number, s.network order by s.event_time),
        by_client as (partition by d.day_number, s.client order by s.event_time),
        by_region as (partition by d.day_number, s.region order by s.event_time),
        by_hour as (partition by d.day_number, s.hour order by s.event_time),
        by_tier as (partition by d.day_number, s.tier order by s.event_time),
        by_outcome as (partition by d.day_number, s.outcome order by s.event_time)
)
select
    s.event_date, s.event_time, s.event_id, s.recipient_account_id, s.session_id, s.is_denied, s.baseline_principal,
    s.peer_group, s.action, s.target, s.network, s.client, s.region, s.hour, s.tier, s.outcome,
    r.earlier_count, r.hour_count, r.earlier_by_feature
from scored as s
inner join ranks as r on s.event_number = r.event_number
