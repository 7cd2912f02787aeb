// A client and a server that have told each other their settings.
#pragma once

#include "h2/peers.hpp"

namespace culvert::h2::test {

struct Both {
  FrameBuffer buffer;
  Peer client{Role::client, buffer};
  Peer server{Role::server, buffer};
  Both() { pump(client, server); }
};

}  // namespace culvert::h2::test
