#include "work/owner_lease.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::work {

bool OwnerLease::lapsed(MonoTime now, std::span<const Life> guardians, const HeardAt& heard_at) {
  for (const Life& life : guardians) silent_.try_emplace(life, false);
  bool lapsed = false;
  for (auto it = silent_.begin(); it != silent_.end();) {
    const auto heard = heard_at(it->first);
    if (!heard) {
      up_at_.erase(it->first);
      it = silent_.erase(it);
      continue;
    }
    const auto up = up_at_.find(it->first);
    const bool silent = now > std::max(*heard, up == up_at_.end() ? MonoTime{} : up->second) + lease_;
    lapsed = lapsed || (silent && !it->second);
    it->second = silent;
    ++it;
  }
  return lapsed;
}

}  // namespace evmesh::work
