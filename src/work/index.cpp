#include "work/index.hpp"

#include <utility>

namespace evmesh::work {

Index::Index() : places_(64) {}

void Index::add(std::uint64_t hash, std::uint32_t number) {
  if ((count_ + 1) * 2 > places_.size()) grow();
  put({mark_of(hash), number});
  ++count_;
}

void Index::put(Place place) {
  std::size_t at = home(place.mark);
  while (places_[at].number != nobody) at = next(at);
  places_[at] = place;
}

void Index::grow() {
  std::vector<Place> old(places_.size() * 2);
  std::swap(old, places_);
  for (const Place& place : old) {
    if (place.number != nobody) put(place);
  }
}

void Index::remove(std::uint64_t hash, std::uint32_t number) {
  std::size_t hole = home(mark_of(hash));
  while (places_[hole].number != number) {
    if (places_[hole].number == nobody) return;
    hole = next(hole);
  }
  // What stands behind the hole moves up unless it is at home between the hole and itself: then searches
  // still find it.
  for (std::size_t at = next(hole); places_[at].number != nobody; at = next(at)) {
    const std::size_t from_home = (at - home(places_[at].mark)) & (places_.size() - 1);
    const std::size_t from_hole = (at - hole) & (places_.size() - 1);
    if (from_home < from_hole) continue;
    places_[hole] = places_[at];
    hole = at;
  }
  places_[hole] = {};
  --count_;
}

}  // namespace evmesh::work
