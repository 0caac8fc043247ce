#include <utility>

#include "work/impl.hpp"

namespace evmesh::work {

/// Up to about `bytes` of what stands in the journal's order from the bookmark on; false: that was the last of it.
template <class Each>
bool Machine::Impl::walk(Snapshot snapshot, std::uint64_t bytes, const Read& read, const Each& each) {
  for (std::uint64_t size = 0; size < bytes;) {
    const Book::Bookmark mark = book_.bookmark(snapshot);
    if (mark.at == none || book_.held(mark.at).position > mark.until) return false;
    std::shared_ptr<const Parcel> event = book_.held(mark.at).event;
    if (!event) event = read(book_.held(mark.at).position);
    if (!event) return true;
    size += each(mark.at, event->bytes);
    book_.bookmark(snapshot).at = book_.held(mark.at).after;
  }
  return true;
}

bool Machine::Impl::snapshot(Snapshot snapshot, std::uint64_t bytes, const Read& read,
                             std::vector<std::string>& records) {
  std::size_t size = 0;
  const auto add = [&](const auto& record) {
    storage::encode_record(record, options_.self, text_);
    size += text_.size();
    records.push_back(text_);
  };
  return walk(snapshot, bytes, read, [&](HeldSlot held, std::string_view event) {
    size = 0;
    fill_owed(held, event);
    add(owed_);
    rest(held, add);
    return size;
  });
}

bool Machine::Impl::visit(Snapshot snapshot, std::uint64_t bytes, const Read& read, Which which,
                          const VisitOwed& visit) {
  return walk(snapshot, bytes, read, [&](HeldSlot held, std::string_view event) {
    fill_owed(held, event);
    owed_.groups.clear();
    for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
      if (book_[slot].state == State::settled || book_[slot].cancelled) continue;
      if (which == Which::alive && book_[slot].ended) continue;
      owed_.groups.push_back(describe(slot));
      owed_.groups.back().unsure |= book_[slot].announced;
    }
    if (!owed_.groups.empty()) visit(owed_);
    return event.size() + 64 * owed_.groups.size() + 64;
  });
}

/// A copy's record stands in its guardian's journal.
void Machine::Impl::wrap() {
  const std::string record = std::exchange(text_, {});
  storage::encode_record(storage::Copied{.owner = options_.self,
                                         .epoch = options_.replica->epoch,
                                         .set_version = 1,
                                         .fresh = options_.replica->fresh,
                                         .record = record},
                         options_.replica->guardian, text_);
}

}  // namespace evmesh::work
