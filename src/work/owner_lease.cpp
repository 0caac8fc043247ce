#include "work/owner_lease.hpp"

#include <utility>

namespace evmesh::work {

bool OwnerLease::lapsed(MonoTime now, std::span<const Life> guardians, const HeardAt& heard_at) {
  for (const Life& life : guardians) silent_.try_emplace(life, false);
  bool lapsed = false;
  for (auto it = silent_.begin(); it != silent_.end();) {
    const auto heard = heard_at(it->first);
    if (!heard) {
      it = silent_.erase(it);
      continue;
    }
    const bool silent = now > *heard + lease_;
    lapsed = lapsed || (silent && !it->second);
    it->second = silent;
    ++it;
  }
  return lapsed;
}

}  // namespace evmesh::work
