#include "work/texts.hpp"

#include <utility>

namespace evmesh::work {

std::uint32_t Texts::keep(std::string_view text) {
  const auto found = numbers_.find(text);
  if (found != numbers_.end()) {
    ++kept_[found->second].uses;
    return found->second;
  }
  std::uint32_t number = static_cast<std::uint32_t>(kept_.size());
  if (free_.empty()) {
    kept_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  kept_[number] = {std::string(text), 1};
  numbers_.emplace(kept_[number].text, number);
  return number;
}

void Texts::release(std::uint32_t number) {
  Kept& kept = kept_[number];
  if (--kept.uses > 0) return;
  numbers_.erase(kept.text);
  kept.text = {};
  free_.push_back(number);
}

}  // namespace evmesh::work
