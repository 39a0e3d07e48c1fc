"""Runs MiniStack as Lapak's local cloud needs it; localstack/README.md tells what is mended and why.

Every mend names the behaviour of MiniStack 1.5.33 that makes it necessary; when the pinned version changes, try each
without it.
"""

import socketserver

import ministack.app
from ministack.services import lambda_svc
from ministack.services.cloudformation import engine, provisioners


def send_small_answers_at_once():
    """Nagle's algorithm makes every answer of the runtime API wait: 52 ms an invocation instead of 9."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def transform_nested_templates():
    """A nested stack's transforms (Fn::ForEach) are not applied; only nested templates are parsed by this name."""
    parse = engine._parse_template

    def parse_and_transform(body):
        template = engine._apply_transforms(parse(body))
        if isinstance(template, engine._TransformFailed):
            raise ValueError(template.error)
        return template

    engine._parse_template = parse_and_transform


def deploy_alarms_on_metric_math():
    """An alarm on an expression is refused; it is deployed as an alarm on the first metric of the expression."""
    record = provisioners._cw_metric_alarm_record

    def record_of_first_metric(name, props):
        metrics = [m["MetricStat"] for m in props.get("Metrics") or [] if "MetricStat" in m]
        if metrics:
            props = {key: value for key, value in props.items() if key != "Metrics"}
            props |= metrics[0]["Metric"]
            props |= {"Statistic": metrics[0]["Stat"], "Period": metrics[0]["Period"]}
        return record(name, props)

    provisioners._cw_metric_alarm_record = record_of_first_metric


def read_numbers_of_parameters():
    """MaximumConcurrency that comes from a parameter stays a string, and the poller compares it with a number."""
    concurrency = lambda_svc._sqs_esm_concurrency

    def concurrency_of_number(mapping, *rest):
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *rest)

    lambda_svc._sqs_esm_concurrency = concurrency_of_number


send_small_answers_at_once()
transform_nested_templates()
deploy_alarms_on_metric_math()
read_numbers_of_parameters()
ministack.app.main()
