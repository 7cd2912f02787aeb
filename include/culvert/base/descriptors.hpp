// Open files of this process.
#pragma once

namespace culvert {

// Raises the limit of open descriptors to what is permitted and logs the change, or that it cannot
// be changed. Call at start, from main.
void raise_descriptor_limit();

}  // namespace culvert
