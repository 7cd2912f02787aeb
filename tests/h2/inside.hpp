// What tests must see or set inside a session and no owner may.
#pragma once

#include "h2/impl.hpp"

#include <cstddef>

namespace culvert::h2 {

struct SessionInside {
  // Bytes that the header block being received occupies.
  static std::size_t held_headers(const Session& session) { return session.impl_->block_.held(); }
};

}  // namespace culvert::h2
