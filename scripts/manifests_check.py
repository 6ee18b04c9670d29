"""Whether k8s/api-proxy.yaml fits Kubernetes' schemas, and its parts each other: what one names, another has.

Run by `scripts/manifests --check`. Needs kubernetes-validate, which brings PyYAML.
"""

import re
import subprocess
import sys

import kubernetes_validate
import yaml

# The oldest and the newest Kubernetes that the manifests are meant for.
VERSIONS = ["1.29", "1.37"]
# What one instance opens at PostgreSQL, and what PostgreSQL keeps for its superuser.
CONNECTIONS, RESERVED = 21, 3
# What an instance needs after SHUTDOWN_TIMEOUT at most, in seconds.
AFTERWARDS = 15

problems = []


def expect(holds, problem):
    if not holds:
        problems.append(problem)


def named(objects, kind, name):
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    expect(len(found) == 1, f"{kind}/{name} is there {len(found)} times")
    return found[0] if found else None


def check_schemas(objects):
    for version in VERSIONS:
        for one in objects:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                problems.append(f"{one['kind']}/{one['metadata']['name']} in {version}: {error.message}")


def check_pod(name, pod, objects, secret):
    """A pod is as narrow as the namespace demands, and what it mounts is there."""
    whole, (container,) = pod["securityContext"], pod["containers"]
    own = container["securityContext"]
    expect(whole["runAsNonRoot"] and whole["runAsUser"] > 0, f"{name} may be root")
    expect(whole["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name} has no seccomp profile")
    expect(own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"], f"{name} may write its root or rise")
    expect(own["capabilities"] == {"drop": ["ALL"]}, f"{name} keeps capabilities")
    expect(pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, f"{name} is told of the cluster")
    expect("memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], f"{name} has no bounds")
    expect({"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), f"{name} lacks a probe")
    named(objects, "ServiceAccount", pod["serviceAccountName"])
    for source in container.get("envFrom", []):
        named(objects, "ConfigMap", source["configMapRef"]["name"])
    volumes = {volume["name"] for volume in pod["volumes"]} | {"data"}
    expect({mount["name"] for mount in container["volumeMounts"]} == volumes, f"{name} does not mount just its volumes")
    for volume in pod["volumes"]:
        if "configMap" in volume:
            named(objects, "ConfigMap", volume["configMap"]["name"])
        if "secret" in volume:
            expect(volume["secret"]["secretName"] == secret["metadata"]["name"], f"{name} mounts another Secret")
            for item in volume["secret"]["items"]:
                expect(secret["stringData"].get(item["key"]), f"{name}: make-secret makes no {item['key']}")


def check_services(objects, pods):
    """Services, policies and the like select pods that are there, at ports that these have."""
    for one in objects:
        spec, name = one.get("spec", {}), f"{one['kind']}/{one['metadata']['name']}"
        selector = spec.get("selector") or spec.get("podSelector")
        if one["kind"] not in ("Service", "NetworkPolicy", "PodDisruptionBudget") or not selector:
            continue
        labels = selector.get("matchLabels", selector)
        chosen = [pod for pod in pods.values() if labels.items() <= pod["metadata"]["labels"].items()]
        expect(len(chosen) == 1, f"{name} selects {len(chosen)} kinds of pods")
        ports = {port["name"] for pod in chosen for port in pod["spec"]["containers"][0]["ports"]}
        if one["kind"] == "Service":
            asked = {port["targetPort"] for port in spec["ports"]}
        else:
            asked = {port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]}
        expect(asked <= ports, f"{name} leads to {asked - ports}")
    for rule in named(objects, "Ingress", "api-proxy")["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            service = named(objects, "Service", path["backend"]["service"]["name"])
            names = {port["name"] for port in service["spec"]["ports"]}
            expect(path["backend"]["service"]["port"]["name"] in names, "the ingress leads to no port")


def check_numbers(objects, pods):
    """Numbers that stand in two places agree."""
    gateway = pods["api-proxy"]["spec"]
    (container,) = gateway["containers"]
    config = named(objects, "ConfigMap", container["envFrom"][0]["configMapRef"]["name"])["data"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    least = pause + int(config["SHUTDOWN_TIMEOUT"]) + AFTERWARDS
    expect(gateway["terminationGracePeriodSeconds"] >= least, f"a pod needs {least} s to end")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    expect(str(ports["http"]) == config["PORT"], "PORT is not the pod's")
    expect(str(ports["metrics"]) == config["METRICS_LISTEN"].rsplit(":")[-1], "METRICS_LISTEN is not the pod's port")
    mounts = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "data"]
    expect(config["DATA_DIR"].startswith(f"{mounts[0]}/"), "DATA_DIR is not on the volume")
    files = {f"/secrets/{item['path']}" for volume in gateway["volumes"] for item in volume.get("secret", {}).get("items", [])}
    expect(files == {value for name, value in config.items() if name.endswith("_FILE")}, "secrets and NAME_FILE differ")
    arguments = " ".join(pods["postgres"]["spec"]["containers"][0]["args"])
    most = named(objects, "HorizontalPodAutoscaler", "api-proxy")["spec"]["maxReplicas"]
    places = int(re.search(r"max_connections=(\d+)", arguments)[1]) - RESERVED
    expect(most * CONNECTIONS <= places, f"{most} instances open more than {places} connections")
    with open("Cargo.toml", encoding="utf-8") as manifest:
        version = re.search(r'^version = "(.*)"', manifest.read(), re.M)[1]
    expect(container["image"].endswith(f":{version}"), f"the image is not version {version}")


def main():
    with open("k8s/api-proxy.yaml", encoding="utf-8") as built:
        objects = list(yaml.safe_load_all(built))
    secret = yaml.safe_load(subprocess.run(["k8s/make-secret"], check=True, capture_output=True, text=True).stdout)
    pods = {one["metadata"]["name"]: one["spec"]["template"] for one in objects if one["kind"] == "StatefulSet"}
    expect(not any(one["kind"] == "Secret" for one in objects), "a Secret is among the manifests")
    check_schemas([*objects, secret])
    for name, pod in pods.items():
        check_pod(name, pod["spec"], objects, secret)
    check_services(objects, pods)
    check_numbers(objects, pods)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(objects)} objects, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
