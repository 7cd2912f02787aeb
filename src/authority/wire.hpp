// How messages become bytes here.
#pragma once

#include <google/protobuf/message_lite.h>

#include <string>

namespace culvert::authority {

// The serialized message, with maps in order of their keys: protobuf's default order differs
// between processes, and the bytes are hashed into a resource version.
std::string serialize(const google::protobuf::MessageLite& message);

}  // namespace culvert::authority
