"""STS and IAM as the SageMaker SDKs need them, where moto answers otherwise or not at all.

Sources: the SDKs want an assumed-role ARN from GetCallerIdentity, a role that trusts SageMaker from GetRole, and
SimulatePrincipalPolicy, which moto lacks.
"""

import json
from html import escape
from urllib.parse import urlencode

from sageyard.aws.exchange import ServiceAnswer, ServiceRequest, query_answer

DEFAULT_ROLE = "SageyardExecutionRole"
TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def answer_identity(request: ServiceRequest, account_id: str) -> ServiceAnswer | None:
    """The answer to an operation of STS or IAM that is not moto's to give, else None."""
    if request.service == "sts" and request.operation == "GetCallerIdentity":
        return caller_identity(account_id)
    if request.service == "iam" and request.operation in {"SimulatePrincipalPolicy", "SimulateCustomPolicy"}:
        return simulate_policy(request)
    return None


def caller_identity(account_id: str) -> ServiceAnswer:
    """GetCallerIdentity: a session of the default role."""
    arn = f"arn:aws:sts::{account_id}:assumed-role/{DEFAULT_ROLE}/session"
    result = f"<Arn>{arn}</Arn><UserId>AROASAGEYARDEXAMPLE0:session</UserId><Account>{account_id}</Account>"
    return query_answer("GetCallerIdentity", STS_NAMESPACE, result)


def simulate_policy(request: ServiceRequest) -> ServiceAnswer:
    """SimulatePrincipalPolicy: every action on every resource is allowed, for nothing is forbidden here."""
    form = request.form()
    actions = [value for name, value in form.items() if name.startswith("ActionNames.member.")]
    resources = [value for name, value in form.items() if name.startswith("ResourceArns.member.")] or ["*"]
    members = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
        "</EvalResourceName><EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for action in actions
        for resource in resources
    )
    result = f"<IsTruncated>false</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
    return query_answer(request.operation, IAM_NAMESPACE, result)


def create_role_request(request: ServiceRequest, role: str) -> ServiceRequest:
    """CreateRole for a role that a GetRole asked for: it trusts SageMaker."""
    fields = {
        "Action": "CreateRole",
        "Version": "2010-05-08",
        "RoleName": role,
        "AssumeRolePolicyDocument": json.dumps(TRUST_POLICY),
        "Description": "Created by Sageyard when it was first asked for",
    }
    body = urlencode(fields).encode()
    headers = {**request.headers, "content-length": str(len(body))}
    return ServiceRequest("iam", request.region, "POST", "/", headers, body)
