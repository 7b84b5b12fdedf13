"""What ordinary callers call: bodies of records, rendered beforehand.

What enters: an account and a kind of caller. What leaves: ``Body`` values, the parts of a record that do not depend on
the session, ready for joining: rendering a record then costs a few string joins. This module must never draw a caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.record import tls_of
from pipeline.simulate.session import compact

VARIANTS = 12
"""Different parameter sets per call and account: enough to look alive, few enough to render once."""


@dataclass(frozen=True, slots=True)
class Body:
    """One call's text around the session's and the event's own members; ``action`` is what a denial names."""

    action: str
    after_time: str
    after_client: str
    denied: str
    after_event_id: str
    end_tls: str
    end: str


Shape = Callable[[Entropy, str, str], tuple[object, object]]


def _none(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return None, None


def _instances(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "maxResults": 1000,
        "instancesSet": {},
        "filterSet": {"items": [{"name": "instance-state-name", "valueSet": {"items": [{"value": "running"}]}}]},
    }, None


def _filters(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "filterSet": {"items": [{"name": "vpc-id", "valueSet": {"items": [{"value": f"vpc-0{ids.hex(16)}"}]}}]}
    }, None


def _bucket(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    name = f"{ids.pick(('artifacts', 'logs', 'exports', 'media', 'backups'))}-{account[:4]}-{region}"
    return {"bucketName": name, "Host": f"{name}.s3.{region}.amazonaws.com", "acl": ""}, None


def _key(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    arn = f"arn:aws:kms:{region}:{account}:key/{ids.uuid()}"
    return {
        "encryptionContext": {"aws:lambda:FunctionArn": f"arn:aws:lambda:{region}:{account}:function:{ids.letters(8)}"},
        "keyId": arn,
        "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }, None


def _parameter(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "name": f"/app/{ids.pick(('db', 'cache', 'queue', 'flags'))}/{ids.letters(6).lower()}",
        "withDecryption": True,
    }, None


def _log_stream(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "logGroupName": f"/aws/lambda/{ids.letters(10).lower()}",
        "logStreamName": f"2025/03/04/[$LATEST]{ids.hex(32)}",
    }, None


def _function(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {"functionName": f"arn:aws:lambda:{region}:{account}:function:{ids.letters(10).lower()}"}, None


def _cluster(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "cluster": "main",
        "services": [f"arn:aws:ecs:{region}:{account}:service/main/{ids.letters(8).lower()}"],
        "include": ["TAGS"],
    }, None


def _update_service(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    service = ids.letters(8).lower()
    arn = f"arn:aws:ecs:{region}:{account}:service/main/{service}"
    task = f"arn:aws:ecs:{region}:{account}:task-definition/{service}:{ids.between(1, 300)}"
    return {"cluster": "main", "service": service, "taskDefinition": task, "forceNewDeployment": True}, {
        "service": {
            "serviceArn": arn,
            "serviceName": service,
            "status": "ACTIVE",
            "desiredCount": 3,
            "runningCount": 3,
            "taskDefinition": task,
            "launchType": "FARGATE",
        }
    }


def _alarm(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "alarmName": f"{ids.letters(8).lower()}-5xx",
        "namespace": "AWS/ApplicationELB",
        "threshold": 5.0,
        "period": 60,
        "evaluationPeriods": 3,
        "statistic": "Sum",
        "comparisonOperator": "GreaterThanThreshold",
    }, None


def _tags(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "resourcesSet": {"items": [{"resourceId": f"i-0{ids.hex(16)}"}]},
        "tagSet": {"items": [{"key": "team", "value": ids.pick(("core", "web", "data"))}]},
    }, {"requestId": ids.uuid(), "_return": True}


def _stack(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "stackName": f"arn:aws:cloudformation:{region}:{account}:stack/{ids.letters(10).lower()}/{ids.uuid()}"
    }, None


def _role_read(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {"roleName": f"app-{ids.letters(7).lower()}"}, None


def _ecr(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "repositoryName": ids.letters(7).lower(),
        "registryId": account,
        "imageIds": [{"imageTag": ids.hex(7)}],
    }, None


def _database(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {"dBInstanceIdentifier": f"{ids.letters(6).lower()}-{ids.hex(4)}", "maxRecords": 100}, None


def _config(ids: Entropy, account: str, region: str) -> tuple[object, object]:
    return {
        "resourceType": "AWS::EC2::SecurityGroup",
        "limit": 100,
        "resourceIds": [f"sg-0{ids.hex(16)}" for _ in range(4)],
    }, None


Call = tuple[str, str, bool, Shape]
"""Service, event name, is it read-only, parameters."""

PROFILES: dict[str, tuple[Call, ...]] = {
    "developer": (
        ("ec2", "DescribeInstances", True, _instances),
        ("ec2", "DescribeSecurityGroups", True, _filters),
        ("ec2", "DescribeSubnets", True, _filters),
        ("logs", "DescribeLogGroups", True, _none),
        ("logs", "DescribeLogStreams", True, _log_stream),
        ("lambda", "ListFunctions20150331", True, _none),
        ("lambda", "GetFunction20150331v2", True, _function),
        ("ecs", "DescribeServices", True, _cluster),
        ("cloudformation", "DescribeStacks", True, _stack),
        ("s3", "ListBuckets", True, _none),
        ("s3", "GetBucketLocation", True, _bucket),
        ("sts", "GetCallerIdentity", True, _none),
        ("monitoring", "DescribeAlarms", True, _none),
        ("dynamodb", "ListTables", True, _none),
        ("ecr", "DescribeImages", True, _ecr),
    ),
    "operator": (
        ("ec2", "DescribeInstances", True, _instances),
        ("ec2", "DescribeInstanceStatus", True, _instances),
        ("ec2", "CreateTags", False, _tags),
        ("iam", "ListRoles", True, _none),
        ("iam", "GetRole", True, _role_read),
        ("iam", "ListRolePolicies", True, _role_read),
        ("iam", "ListAttachedRolePolicies", True, _role_read),
        ("cloudtrail", "DescribeTrails", True, _none),
        ("config", "BatchGetResourceConfig", True, _config),
        ("s3", "GetBucketAcl", True, _bucket),
        ("s3", "GetBucketPolicy", True, _bucket),
        ("rds", "DescribeDBInstances", True, _database),
        ("monitoring", "PutMetricAlarm", False, _alarm),
        ("organizations", "ListAccounts", True, _none),
    ),
    "deploy": (
        ("ecr", "BatchGetImage", True, _ecr),
        ("ecr", "DescribeRepositories", True, _ecr),
        ("ecs", "UpdateService", False, _update_service),
        ("ecs", "DescribeServices", True, _cluster),
        ("cloudformation", "DescribeStacks", True, _stack),
        ("cloudformation", "DescribeStackEvents", True, _stack),
        ("iam", "GetRole", True, _role_read),
        ("iam", "ListRolePolicies", True, _role_read),
        ("lambda", "GetFunction20150331v2", True, _function),
        ("sts", "GetCallerIdentity", True, _none),
    ),
    "workload": (
        ("kms", "Decrypt", True, _key),
        ("kms", "GenerateDataKey", True, _key),
        ("ssm", "GetParameter", True, _parameter),
        ("ssm", "GetParameters", True, _parameter),
        ("logs", "CreateLogStream", False, _log_stream),
        ("ec2", "DescribeInstances", True, _instances),
        ("dynamodb", "DescribeTable", True, _none),
        ("sts", "GetCallerIdentity", True, _none),
    ),
    "scaling": (
        ("ec2", "DescribeInstances", True, _instances),
        ("ec2", "DescribeInstanceStatus", True, _instances),
        ("elasticloadbalancing", "DescribeTargetHealth", True, _none),
        ("monitoring", "PutMetricAlarm", False, _alarm),
        ("monitoring", "DescribeAlarms", True, _none),
    ),
    "auditor": (
        ("config", "BatchGetResourceConfig", True, _config),
        ("config", "SelectResourceConfig", True, _config),
        ("ec2", "DescribeSecurityGroups", True, _filters),
        ("ec2", "DescribeVolumes", True, _filters),
        ("iam", "GetRole", True, _role_read),
        ("iam", "ListRoles", True, _none),
        ("s3", "GetBucketPolicy", True, _bucket),
        ("s3", "GetBucketLogging", True, _bucket),
        ("rds", "DescribeDBInstances", True, _database),
        ("kms", "ListKeys", True, _none),
    ),
}

GLOBAL_SOURCES = frozenset({"iam", "organizations"})
_DENIABLE = frozenset({"ec2", "s3", "lambda", "ssm", "rds", "iam", "kms"})


def _render(ids: Entropy, call: Call, account: str, region: str) -> Body:
    service, name, read_only, shape = call
    region = "us-east-1" if service in GLOBAL_SOURCES else region
    source = f"{service}.amazonaws.com"
    request, response = shape(ids, account, region)
    bare = name.removesuffix("v2").removesuffix("20150331")
    action = f"{service}:{bare}" if service in _DENIABLE and read_only else ""
    code = "Client.UnauthorizedOperation" if service == "ec2" else "AccessDenied"
    return Body(
        action=action,
        after_time=f'","eventSource":"{source}","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"',
        after_client=f'","requestParameters":{compact(request)},"responseElements":{compact(response)},"requestID":"',
        denied=f'","errorCode":"{code}","errorMessage":"User: ',
        after_event_id=f'","readOnly":{"true" if read_only else "false"},"eventType":"AwsApiCall",'
        f'"managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"',
        end_tls=f',"tlsDetails":{tls_of(source, region)}}}',
        end="}",
    )


def render_bodies(ids: Entropy, profile: str, account: str, region: str) -> list[tuple[str, Body]]:
    """Return a profile's bodies in one account and region, each with the region where its event belongs."""
    out = []
    for call in PROFILES[profile]:
        where = "us-east-1" if call[0] in GLOBAL_SOURCES else region
        # A call without parameters is one body, drawn as often as one with many.
        distinct = 1 if call[3] is _none else VARIANTS
        out += [(where, _render(ids, call, account, region)) for _ in range(distinct)] * (VARIANTS // distinct)
    return out
