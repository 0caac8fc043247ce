#pragma once

namespace evmesh::delivery {

/// A file descriptor that is readable while the signal is set. Thread-safe.
class Signal {
 public:
  Signal();
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  /// Below 0: there was none left.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  void set() const;
  void clear() const;

 private:
  const int descriptor_;
};

}  // namespace evmesh::delivery
