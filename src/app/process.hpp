// What the process asks of the kernel before anything else.
#pragma once

namespace culvert::app {

// Raises the limit of open descriptors to what is permitted and logs the change.
void raise_descriptor_limit();

}  // namespace culvert::app
