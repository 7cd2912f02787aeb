// The OpenSSL BIO behind which there is no socket: reads from a view of the caller's bytes, writes
// to a vector.
#pragma once

#include "culvert/base/bytes.hpp"

#include <openssl/bio.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace culvert::tls {

// What a memory BIO reads and writes during one call into OpenSSL. Must outlive its BIO.
struct BioBytes {
  Bytes input;                               // what OpenSSL has not taken yet
  std::vector<std::uint8_t>* out = nullptr;  // where its output is appended
};

// A BIO over `bytes`; null when memory is short. Reading from empty input asks for a retry, so that
// running dry is never mistaken for the end of the stream.
BIO* make_memory_bio(BioBytes& bytes);

}  // namespace culvert::tls
