// TLS of libraries that make their own contexts in this process. gRPC 1.51 has no setting for
// versions and TLS 1.3 suites, so what it may speak is said where OpenSSL makes contexts.
#pragma once

#include "culvert/base/result.hpp"

namespace culvert::tls {

// Every SSL_CTX made from now on that is not told otherwise speaks TLS 1.3 with AES-GCM only, and
// also TLS 1.2 when `tls12`. Comes on top of what the machine's OpenSSL configuration says about
// new contexts. Ours (context.hpp) say everything themselves. For the whole process: call once,
// before other threads make contexts. Errc::tls when the library refuses.
Result<void> restrict_other_contexts(bool tls12);

}  // namespace culvert::tls
