"""Alert rules and dashboard: they ask for metrics that exist, by labels that these have, and do what they say.

What is asked for is also looked for in a scrape of a running job: tests/live/test_scraping.py. A Prometheus 2.42 has
scraped the endpoint and answered every query; the dashboard has not been in a Grafana.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.queries import BOARD, FOREIGN, LABELS, RULES, labels, names, panels, queries
from deploy.reading import DEPLOY, load
from prometheus_client import CollectorRegistry, generate_latest

from pipeline.metrics.collector import TallyCollector
from pipeline.metrics.families import FAMILIES

PROMETHEUS = DEPLOY / "prometheus"
GIVEN = {"job", "instance"}
"""Labels that Prometheus adds."""


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here; it comes with Debian's package `prometheus`: put it on the PATH")
    return found


def run(promtool: str, *arguments: str, folder: Path = PROMETHEUS) -> str:
    done = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(("where", "query"), queries())
def test_a_query_asks_for_what_exists(where: str, query: str) -> None:
    asked = names(query)
    assert asked
    assert asked <= set(LABELS) | FOREIGN, where
    assert labels(query) <= GIVEN.union(*(LABELS.get(name, set()) for name in asked)), where


@pytest.mark.parametrize(("where", "query"), queries())
def test_counters_are_asked_for_their_rate_and_levels_for_their_value(where: str, query: str) -> None:
    kinds = {name: family.kind for family in FAMILIES for name in family.series}
    for name in names(query) & set(kinds):
        is_rate = bool(re.search(rf"(?:rate|increase)\({name}\b", query))
        assert is_rate == (kinds[name] != "gauge"), f"{where}: {name}"


def test_the_names_in_a_query_are_found() -> None:
    query = 'sum by (job, le) (rate(caption_a_bucket{job="up", x=~"y"}[5m])) / caption_b unless up == 1'
    assert names(query) == {"caption_a_bucket", "caption_b", "up"}
    assert labels(query) == {"job", "le", "x"}


def test_what_the_issue_asks_for_has_an_alert() -> None:
    by_name = {rule["alert"]: rule for rule in RULES}
    wanted = {
        "CaptionsStandStill": {"caption_uploads_owed", "caption_consumer_lag", "caption_records_written_total"},
        "CaptionDeadLetterShare": {"caption_images_total"},
        "CaptionLagGrows": {"caption_consumer_lag"},
        "CaptionManyAnswersRefused": {"caption_guard_blocks_total", "caption_generations_total"},
        "CaptionerRestarts": {"caption_captioner_restarts_total"},
    }
    assert {name: names(by_name[name]["expr"]) for name in wanted} == wanted
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "remedy"}


def test_every_metric_is_asked_for() -> None:
    asked = {name for _, query in queries() for name in names(query)}
    assert [family.name for family in FAMILIES if not set(family.series) & asked] == []


def test_panels_have_their_own_places_and_ids() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= own
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in BOARD["panels"]]
    assert len(set(titles)) == len(titles)


def test_every_panel_asks_the_prometheus_and_the_job_that_were_chosen() -> None:
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "job"]
    for panel in BOARD["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            for target in panel["targets"]:
                assert target["datasource"] == panel["datasource"]
                assert 'job=~"$job"' in target["expr"]
                assert target["expr"].count("{") == target["expr"].count('{job=~"$job"')
    assert len(list(panels())) > 25


def test_prometheus_asks_the_port_that_the_job_opens() -> None:
    (job,) = load(PROMETHEUS / "prometheus.yaml")["scrape_configs"]
    services = load(DEPLOY / "compose.yaml")["services"]
    port = re.search(r"--metrics-port (\d+)", str(services["job"]["command"]))
    assert port
    (static,) = job["static_configs"]
    assert {target.split(":")[1] for target in static["targets"]} == {port[1]}
    assert {target.split(":")[0] for target in static["targets"]} <= set(services)


def test_kubernetes_finds_the_ports_by_their_names() -> None:
    jobs = {job["job_name"]: job for job in load(PROMETHEUS / "kubernetes.yaml")["scrape_configs"]}
    cluster, job = load(DEPLOY / "flink" / "cluster.yaml"), load(DEPLOY / "flink" / "job.yaml")
    kept = {
        name: next(
            rule["regex"]
            for rule in one["relabel_configs"]
            if rule.get("source_labels") == ["__meta_kubernetes_pod_container_port_name"]
        )
        for name, one in jobs.items()
    }
    assert kept == {"captionstream": "captions", "flink": "metrics"}
    (submit,) = job["spec"]["template"]["spec"]["containers"]
    pool = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]
    main = cluster["spec"]["podTemplate"]["spec"]["containers"][0]
    option = next(word for word in submit["args"] if word.startswith("--metrics-port="))
    for container in (submit, pool):
        assert container["ports"] == [{"name": "captions", "containerPort": int(option.split("=")[1])}]
    assert main["ports"] == [{"name": "metrics", "containerPort": 9249}]
    namespaces = {one["kubernetes_sd_configs"][0]["namespaces"]["names"][0] for one in jobs.values()}
    assert namespaces == {cluster["metadata"]["namespace"]}


def test_grafana_is_given_what_it_reads() -> None:
    compose = load(DEPLOY / "compose.yaml")
    grafana = compose["services"]["grafana"]
    targets = {one["source"]: one["target"] for one in grafana["configs"]}
    (provider,) = load(DEPLOY / "grafana" / "provisioning" / "dashboards.yaml")["providers"]
    assert Path(targets["dashboard"]).parent == Path(provider["options"]["path"])
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == targets["dashboard"]
    (source,) = load(DEPLOY / "grafana" / "provisioning" / "datasources.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
    rules = {one["source"]: one["target"] for one in compose["services"]["prometheus"]["configs"]}["rules"]
    assert load(PROMETHEUS / "prometheus.yaml")["rule_files"] == [Path(rules).name]


def test_every_alert_has_a_trial() -> None:
    trials: dict[str, Any] = load(PROMETHEUS / "rules.test.yaml")
    fired = {one["alertname"] for trial in trials["tests"] for one in trial["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


def test_promtool_takes_the_rules_and_the_configuration(promtool: str) -> None:
    assert f"{len(RULES)} rules found" in run(promtool, "check", "rules", "rules.yaml")
    run(promtool, "check", "config", "prometheus.yaml")


def test_promtool_has_nothing_to_say_of_our_names(promtool: str) -> None:
    registry = CollectorRegistry()
    registry.register(TallyCollector())
    done = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_alerts_do_what_they_say(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "rules.test.yaml")


def test_promtool_takes_the_dashboards_queries(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, (_, query) in enumerate(panels())]
    (tmp_path / "board.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run(promtool, "check", "rules", "board.yaml", folder=tmp_path)
