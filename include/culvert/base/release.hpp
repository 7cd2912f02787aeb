// Gives memory back for good.
#pragma once

namespace culvert {

// Empties `container` and frees what it had reserved. Assigning `{}` to a vector or a string only
// empties it: the overload that takes an initializer list wins, and that one keeps the capacity.
template <class Container>
void release(Container& container) {
  Container().swap(container);
}

}  // namespace culvert
