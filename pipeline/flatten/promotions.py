"""Which member of which event goes to a promoted column: data, read like a table.

What enters: nothing. What leaves: ``rules_for(event_source, event_name)``. This module must never read a record.
A path is written with ``req`` for requestParameters, ``res`` for responseElements, ``add`` for
additionalEventData; ``[]`` takes every item of a list, joined by commas. The first path that holds a value wins.

Source: AWS service API references, parameter names as CloudTrail records them; pathfinding.cloud for the calls
that hand a role to a service.
"""

from __future__ import annotations

import re
from functools import lru_cache

Rules = dict[str, tuple[str, ...]]

EVERY_EVENT: Rules = {
    "issued_access_key_id": ("res.credentials.accessKeyId", "res.accessKey.accessKeyId"),
    "issued_expiration_at": ("res.credentials.expiration",),
}

IAM: Rules = {
    "target_role_name": ("req.roleName",),
    "target_role_arn": ("res.role.arn",),
    "target_user_name": ("req.userName",),
    "target_group_name": ("req.groupName",),
    "policy_name": ("req.policyName",),
    "policy_arn": ("req.policyArn", "res.policy.arn"),
    "policy_document": ("req.policyDocument", "req.assumeRolePolicyDocument"),
    "policy_version_id": ("req.versionId", "res.policyVersion.versionId"),
    "is_set_as_default": ("req.setAsDefault",),
    "permissions_boundary_arn": ("req.permissionsBoundary",),
    "issued_to_user_name": ("res.accessKey.userName",),
    "created_principal_id": ("res.role.roleId", "res.user.userId"),
}

STS: Rules = {
    "assumed_role_arn": ("req.roleArn",),
    "assumed_role_session_arn": ("res.assumedRoleUser.arn",),
    "assumed_role_id": ("res.assumedRoleUser.assumedRoleId",),
    "role_session_name": ("req.roleSessionName",),
    "requested_source_identity": ("req.sourceIdentity",),
    "session_policy": ("req.policy",),
}

FEDERATED: Rules = {
    "federated_provider": ("req.principalArn", "req.principalARN", "res.provider", "res.issuer"),
    "federated_name": ("res.subject", "res.subjectFromWebIdentityToken"),
}
"""Parts of ``federated_subject``; no columns themselves."""

SIGNIN: Rules = {
    "console_login_result": ("res.ConsoleLogin",),
    "is_mfa_used_at_login": ("add.MFAUsed",),
}

PERMISSION_SETS: Rules = {
    "target_role_arn": ("req.permissionSetArn", "res.permissionSet.permissionSetArn"),
    "target_role_name": ("req.name", "res.permissionSet.name"),
    "policy_document": ("req.inlinePolicy",),
    "policy_arn": ("req.managedPolicyArn",),
    "policy_name": ("req.customerManagedPolicyReference.name",),
    "permissions_boundary_arn": ("req.permissionsBoundary.managedPolicyArn",),
}

_PROFILE = ("req.iamInstanceProfile.arn", "req.iamInstanceProfile.name")

# (event source, start of the event name; digits and versions may follow, paths of the role, paths of what gets it)
CONSUMERS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("lambda", "CreateFunction", ("req.role", "res.role"), ("req.functionName", "res.functionName")),
    ("lambda", "UpdateFunctionConfiguration", ("req.role", "res.role"), ("req.functionName", "res.functionName")),
    ("lambda", "UpdateFunctionCode", ("res.role",), ("req.functionName", "res.functionName")),
    ("ec2", "RunInstances", _PROFILE, ("res.instancesSet.items[].instanceId",)),
    (
        "ec2",
        "AssociateIamInstanceProfile",
        (
            "req.AssociateIamInstanceProfileRequest.IamInstanceProfile.Arn",
            "req.AssociateIamInstanceProfileRequest.IamInstanceProfile.Name",
            *_PROFILE,
        ),
        ("req.AssociateIamInstanceProfileRequest.InstanceId", "req.instanceId"),
    ),
    (
        "ec2",
        "ReplaceIamInstanceProfileAssociation",
        (
            "req.ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Arn",
            "req.ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Name",
            *_PROFILE,
        ),
        (
            "res.ReplaceIamInstanceProfileAssociationResponse.iamInstanceProfileAssociation.instanceId",
            "req.ReplaceIamInstanceProfileAssociationRequest.AssociationId",
            "req.associationId",
        ),
    ),
    ("ec2", "ModifyInstanceAttribute", (), ("req.instanceId",)),
    ("ec2", "RequestSpotInstances", ("req.launchSpecification.iamInstanceProfile.arn",), ()),
    (
        "ecs",
        "RegisterTaskDefinition",
        ("req.taskRoleArn", "req.executionRoleArn"),
        ("res.taskDefinition.taskDefinitionArn", "req.family"),
    ),
    ("ecs", "RunTask", ("req.overrides.taskRoleArn", "req.overrides.executionRoleArn"), ("req.taskDefinition",)),
    ("ecs", "StartTask", ("req.overrides.taskRoleArn", "req.overrides.executionRoleArn"), ("req.taskDefinition",)),
    ("ecs", "CreateService", ("req.role",), ("req.taskDefinition",)),
    ("cloudformation", "CreateStack", ("req.roleARN",), ("req.stackName", "req.stackSetName")),
    ("cloudformation", "UpdateStack", ("req.roleARN",), ("req.stackName", "req.stackSetName")),
    ("cloudformation", "DeleteStack", ("req.roleARN",), ("req.stackName",)),
    ("cloudformation", "CreateChangeSet", ("req.roleARN",), ("req.stackName",)),
    ("codebuild", "CreateProject", ("req.serviceRole",), ("req.name",)),
    ("codebuild", "UpdateProject", ("req.serviceRole",), ("req.name",)),
    ("codebuild", "StartBuild", ("req.serviceRoleOverride",), ("req.projectName",)),
    ("codepipeline", "CreatePipeline", ("req.pipeline.roleArn",), ("req.pipeline.name",)),
    ("glue", "CreateJob", ("req.role",), ("req.name",)),
    ("glue", "UpdateJob", ("req.jobUpdate.role",), ("req.jobName",)),
    ("glue", "CreateDevEndpoint", ("req.roleArn",), ("req.endpointName",)),
    ("glue", "UpdateDevEndpoint", (), ("req.endpointName",)),
    ("glue", "CreateCrawler", ("req.role",), ("req.name",)),
    ("glue", "CreateSession", ("req.role",), ("req.id",)),
    ("sagemaker", "CreateNotebookInstance", ("req.roleArn",), ("req.notebookInstanceName",)),
    ("sagemaker", "CreateTrainingJob", ("req.roleArn",), ("req.trainingJobName",)),
    ("sagemaker", "CreateProcessingJob", ("req.roleArn",), ("req.processingJobName",)),
    ("sagemaker", "CreateModel", ("req.executionRoleArn",), ("req.modelName",)),
    ("ssm", "SendCommand", ("req.serviceRoleArn",), ("req.instanceIds[]",)),
    ("ssm", "StartSession", (), ("req.target",)),
    ("ssm", "StartAutomationExecution", ("req.parameters.AutomationAssumeRole[]",), ("req.documentName",)),
    ("states", "CreateStateMachine", ("req.roleArn",), ("req.name",)),
    ("states", "UpdateStateMachine", ("req.roleArn",), ("req.stateMachineArn",)),
    ("batch", "RegisterJobDefinition", ("req.containerProperties.jobRoleArn",), ("req.jobDefinitionName",)),
    ("elasticmapreduce", "RunJobFlow", ("req.jobFlowRole", "req.serviceRole"), ("res.jobFlowId", "req.name")),
    ("autoscaling", "CreateLaunchConfiguration", ("req.iamInstanceProfile",), ("req.launchConfigurationName",)),
    ("datapipeline", "CreatePipeline", (), ("req.name",)),
    ("apprunner", "CreateService", ("req.instanceConfiguration.instanceRoleArn",), ("req.serviceName",)),
)

_SUFFIX = re.compile(r"(?:[0-9]{8})?(?:v[0-9]+)?")  # CreateFunction20150331, UpdateFunctionCode20150331v2
_DOMAIN = ".amazonaws.com"


@lru_cache(maxsize=65_536)
def rules_for(event_source: str | None, event_name: str | None) -> Rules:
    """Promoted columns of one kind of event, with the paths that fill them."""
    source, name = event_source or "", event_name or ""
    if source == "iam" + _DOMAIN:
        return EVERY_EVENT | IAM
    if source == "sts" + _DOMAIN:
        return EVERY_EVENT | STS | (FEDERATED if name.startswith("AssumeRoleWith") else {})
    if source == "signin" + _DOMAIN:
        return EVERY_EVENT | SIGNIN
    if source == "sso" + _DOMAIN:
        return EVERY_EVENT | (PERMISSION_SETS if "PermissionSet" in name or "AccountAssignment" in name else {})
    for service, start, role, compute in CONSUMERS:
        if source == service + _DOMAIN and name.startswith(start) and _SUFFIX.fullmatch(name, len(start)):
            return EVERY_EVENT | {"passed_role_arn": role, "compute_resource": compute}
    return EVERY_EVENT
