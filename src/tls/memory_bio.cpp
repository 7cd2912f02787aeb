#include "tls/memory_bio.hpp"

#include <algorithm>
#include <cstring>

namespace culvert::tls {
namespace {

BioBytes& bytes_of(BIO* bio) { return *static_cast<BioBytes*>(BIO_get_data(bio)); }

int read_some(BIO* bio, char* data, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  BioBytes& bytes = bytes_of(bio);
  *done = std::min(size, bytes.input.size());
  if (*done == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(data, bytes.input.data(), *done);
  bytes.input = bytes.input.subspan(*done);
  return 1;
}

int write_all(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  BioBytes& bytes = bytes_of(bio);
  if (bytes.out == nullptr) return 0;
  const auto* first = reinterpret_cast<const std::uint8_t*>(data);
  bytes.out->insert(bytes.out->end(), first, first + size);
  *done = size;
  return 1;
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

// One method table for the process, made on first use and never freed.
const BIO_METHOD* method() {
  static const BIO_METHOD* const table = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "culvert bytes");
    if (made == nullptr) return made;
    BIO_meth_set_read_ex(made, read_some);
    BIO_meth_set_write_ex(made, write_all);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return table;
}

}  // namespace

BIO* make_memory_bio(BioBytes& bytes) {
  BIO* bio = method() != nullptr ? BIO_new(method()) : nullptr;
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &bytes);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace culvert::tls
