"""The configuration of an Envoy that stands beside a program as Istio's sidecars do, as a value.

What Istio 1.2x generates by default, said with Envoy's own words: everything out through 15001 to a
listener for the port, whose routes go to one cluster for each service of the mesh; everything in
through 15006, under mutual TLS only. HTTP/1.1 between the sidecars, since Istio's h2UpgradePolicy is
DO_NOT_UPGRADE. docs/performance.md tells what is left out, and for whom that is an advantage.
"""

OUTBOUND, INBOUND, ADMIN = 15001, 15006, 15000
INBOUND_SOURCE = "127.0.0.6"  # from which a sidecar talks to its own program
DOMAIN = "spiffe://cluster.local/"
_EXTENSIONS = "type.googleapis.com/envoy.extensions."
# What older clients may use; TLS 1.3, which the sidecars agree on, has its own.
_TLS12_CIPHERS = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                  "ECDHE-RSA-AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-GCM-SHA256"]
# What Istio's documentation lists for a line of its sidecars' text log.
_LOGGED = ("START_TIME", "REQ(:METHOD)", "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "PROTOCOL", "RESPONSE_CODE",
           "RESPONSE_FLAGS", "RESPONSE_CODE_DETAILS", "CONNECTION_TERMINATION_DETAILS",
           "UPSTREAM_TRANSPORT_FAILURE_REASON", "BYTES_RECEIVED", "BYTES_SENT", "DURATION",
           "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)", "REQ(X-FORWARDED-FOR)", "REQ(USER-AGENT)", "REQ(X-REQUEST-ID)",
           "REQ(:AUTHORITY)", "UPSTREAM_HOST", "UPSTREAM_CLUSTER", "UPSTREAM_LOCAL_ADDRESS",
           "DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS", "REQUESTED_SERVER_NAME", "ROUTE_NAME")
_ACCESS_LINE = " ".join(f"%{field}%" for field in _LOGGED) + "\n"


def _typed(kind, **fields):
    return {"@type": _EXTENSIONS + kind, **fields}


def _extension(name, kind, **fields):
    return {"name": name, "typed_config": _typed(kind, **fields)}


def _address(ip, port):
    return {"socket_address": {"address": ip, "port_value": port}}


def _access_log():
    return [_extension("log", "access_loggers.stream.v3.StdoutAccessLog",
                       log_format={"text_format_source": {"inline_string": _ACCESS_LINE}})]


# Transport.

def _secrets(cert, key, root):
    return [{"name": "default", "tls_certificate": {"certificate_chain": {"filename": cert},
                                                    "private_key": {"filename": key}}},
            {"name": "ROOTCA", "validation_context": {"trusted_ca": {"filename": root}}}]


def _common_tls(names, alpn, **parameters):
    """The sidecar's own certificate; a peer needs one of the mesh with one of these names."""
    return {"alpn_protocols": alpn, "tls_params": {"tls_maximum_protocol_version": "TLSv1_3", **parameters},
            "tls_certificate_sds_secret_configs": [{"name": "default"}],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [
                    {"san_type": "URI", "matcher": name} for name in names]},
                "validation_context_sds_secret_config": {"name": "ROOTCA"}}}


def _tls_to(service):
    common = _common_tls([{"exact": identity} for identity in service.identities],
                         ["istio-http/1.1", "istio", "http/1.1"], tls_minimum_protocol_version="TLSv1_2")
    return _extension("tls", "transport_sockets.tls.v3.UpstreamTlsContext", common_tls_context=common,
                      sni=f"outbound_.{service.port}_._.{service.host}")


def _tls_from_peers():
    common = _common_tls([{"prefix": DOMAIN}], ["h2", "http/1.1"], tls_minimum_protocol_version="TLSv1_2",
                         cipher_suites=_TLS12_CIPHERS)
    return _extension("tls", "transport_sockets.tls.v3.DownstreamTlsContext", common_tls_context=common,
                      require_client_certificate=True)


# HTTP.

def _manager(side, route_config, filters, **fields):
    plain_filters = [_extension("envoy.filters.http.grpc_stats", "filters.http.grpc_stats.v3.FilterConfig",
                                emit_filter_state=True, stats_for_all_methods=False),
                     _extension("envoy.filters.http.fault", "filters.http.fault.v3.HTTPFault"),
                     _extension("envoy.filters.http.cors", "filters.http.cors.v3.Cors"),
                     _extension("envoy.filters.http.router", "filters.http.router.v3.Router")]
    return _extension("envoy.filters.network.http_connection_manager",
                      "filters.network.http_connection_manager.v3.HttpConnectionManager",
                      stat_prefix=side, access_log=_access_log(), server_name="istio-envoy", normalize_path=True,
                      use_remote_address=False, stream_idle_timeout="0s", upgrade_configs=[{"upgrade_type": "websocket"}],
                      http_filters=filters + plain_filters, route_config=route_config, **fields)


def _cluster_name(service):
    return f"outbound|{service.port}||{service.host}"


def _virtual_host(service):
    first = service.host.split(".")[0]
    retry = {"retry_on": "connect-failure,refused-stream,unavailable,cancelled", "num_retries": 2,
             "host_selection_retry_max_attempts": "5",
             "retry_host_predicate": [_extension("envoy.retry_host_predicates.previous_hosts",
                                                 "retry.host.previous_hosts.v3.PreviousHostsPredicate")]}
    return {"name": f"{service.host}:{service.port}", "domains": [service.host, first, f"{first}.demo", service.vip],
            "routes": [{"name": "default", "match": {"prefix": "/"}, "route": {
                "cluster": _cluster_name(service), "timeout": "0s", "retry_policy": retry}}]}


def _rbac(action, policies):
    """Policies as {name: (principals, permissions)}."""
    return _extension("envoy.filters.http.rbac", "filters.http.rbac.v3.RBAC", rules={
        "action": action, "policies": {
            name: {"principals": principals, "permissions": permissions}
            for name, (principals, permissions) in policies.items()}})


def _named(**matcher):
    return {"authenticated": {"principal_name": matcher}}


def _policies(port):
    """Those of the node proxies' mesh (variant.py)."""
    anything, anybody = [{"any": True}], [{"any": True}]
    strangers = [_named(exact=f"{DOMAIN}ns/demo/sa/stranger-{i}") for i in range(10)]
    elsewhere = [{"not_id": _named(prefix=f"{DOMAIN}ns/demo/")}]
    databases = [{"destination_port": p} for p in (3306, 5432)]
    return [_rbac("DENY", {"no-strangers": (strangers, anything), "no-other-namespace": (elsewhere, anything),
                           "no-database": (anybody, databases)}),
            _rbac("ALLOW", {"mesh-only": ([_named(prefix=f"{DOMAIN}ns/demo/sa/")], [{"destination_port": port}])})]


# Listeners.

def _tcp_to(cluster):
    return _extension("envoy.filters.network.tcp_proxy", "filters.network.tcp_proxy.v3.TcpProxy",
                      stat_prefix=cluster, cluster=cluster, access_log=_access_log())


def _outbound(services):
    """15001 hands what goes to a known port to that port's listener, and the rest on as it is."""
    ports = sorted({s.port for s in services})
    routes = {port: {"name": str(port), "ignore_port_in_host_matching": True, "validate_clusters": False,
                     "virtual_hosts": [_virtual_host(s) for s in services if s.port == port]} for port in ports}
    return [{"name": "virtualOutbound", "traffic_direction": "OUTBOUND", "address": _address("0.0.0.0", OUTBOUND),
             "use_original_dst": True, "filter_chains": [{"filters": [_tcp_to("PassthroughCluster")]}]},
            *({"name": f"0.0.0.0_{port}", "traffic_direction": "OUTBOUND", "address": _address("0.0.0.0", port),
               "bind_to_port": False, "filter_chains": [{"filters": [_manager(f"outbound_0.0.0.0_{port}", routes[port], [])]}]}
              for port in ports)]


def _inbound(port):
    name = f"inbound|{port}||"
    route = {"name": name, "validate_clusters": False, "virtual_hosts": [
        {"name": f"inbound|http|{port}", "domains": ["*"], "routes": [
            {"name": "default", "match": {"prefix": "/"}, "route": {"cluster": name, "timeout": "0s"}}]}]}
    manager = _manager(f"inbound_0.0.0.0_{port}", route, _policies(port),
                       forward_client_cert_details="APPEND_FORWARD",
                       set_current_client_cert_details={"subject": True, "dns": True, "uri": True})
    return {"name": "virtualInbound", "traffic_direction": "INBOUND", "address": _address("0.0.0.0", INBOUND),
            "listener_filters": [
                _extension("envoy.filters.listener.original_dst", "filters.listener.original_dst.v3.OriginalDst"),
                _extension("envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector")],
            "filter_chains": [{"filter_chain_match": {"destination_port": port, "transport_protocol": "tls"},
                               "transport_socket": _tls_from_peers(), "filters": [manager]}]}


# Clusters.

_UNLIMITED = {"thresholds": [{name: 0xFFFFFFFF for name in (
    "max_connections", "max_pending_requests", "max_requests", "max_retries")} | {"track_remaining": True}]}


def _cluster_of(service):
    return {"name": _cluster_name(service), "type": "STATIC", "connect_timeout": "10s", "lb_policy": "LEAST_REQUEST",
            "circuit_breakers": _UNLIMITED, "transport_socket": _tls_to(service),
            "load_assignment": {"cluster_name": _cluster_name(service), "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": _address(ip, service.port)}} for ip in service.endpoints]}]}}


def _original(name, **fields):
    return {"name": name, "type": "ORIGINAL_DST", "connect_timeout": "10s", "lb_policy": "CLUSTER_PROVIDED",
            "circuit_breakers": _UNLIMITED, **fields}


def sidecar(name, services, port, cert, key, root):
    """The bootstrap of a pod's sidecar: a mesh of `services`, a program that serves HTTP on `port`."""
    to_program = _original(f"inbound|{port}||", upstream_bind_config={"source_address": {
        "address": INBOUND_SOURCE, "port_value": 0}})
    return {
        "node": {"id": name, "cluster": f"{name}.demo"},
        "admin": {"address": _address("127.0.0.1", ADMIN)},
        # Istio keeps these only; the rest of Envoy's statistics would cost memory for every cluster.
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [
            *({"prefix": x} for x in ("cluster_manager", "listener_manager", "server", "component")),
            *({"suffix": x} for x in ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"))]}}},
        "static_resources": {
            "secrets": _secrets(cert, key, root),
            "listeners": [*_outbound(services), _inbound(port)],
            "clusters": [*map(_cluster_of, services), _original("PassthroughCluster"), to_program]}}
