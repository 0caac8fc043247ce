#include "delivery/signal.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace evmesh::delivery {

Signal::Signal() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Signal::~Signal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Signal::set() const { static_cast<void>(::eventfd_write(descriptor_, 1)); }

void Signal::clear() const {
  eventfd_t ignored = 0;
  static_cast<void>(::eventfd_read(descriptor_, &ignored));
}

}  // namespace evmesh::delivery
