// Collects what GET /config_dump shows from the parts that know it.
#pragma once

#include <optional>
#include <string>

#include "culvert/admin/config_dump.hpp"
#include "culvert/control/certificates.hpp"
#include "culvert/control/zds.hpp"
#include "culvert/proxy/node_proxy.hpp"

namespace culvert::app {

std::vector<admin::CertificateEntry> certificate_entries(
    const control::CertificateManager& certificates);
std::vector<admin::PodEntry> pod_entries(const std::vector<control::PodStatus>& pods,
                                         proxy::NodeProxy::Connections connections);
// Asks every worker; waits for their answers on the calling thread, two seconds at most: then what
// is missing is left out. Not from a worker or the control thread.
proxy::NodeProxy::Connections collect_connections(proxy::NodeProxy& node);

}  // namespace culvert::app
