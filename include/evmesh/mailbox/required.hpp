#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

namespace evmesh::event {
struct Blank;
}

namespace evmesh::mailbox {

/// What the decoders fill structs with before they have read the members. Nobody else can make one.
class Unset {
 public:
  /// A `T` whose mandatory members are empty. They stand first in every struct, so the shortest list that
  /// compiles is it.
  template <class T, std::same_as<Unset>... Members>
  [[nodiscard]] T fill(Members... members) const {
    if constexpr (requires { T{members...}; }) {
      return T{members...};
    } else {
      return fill<T>(members..., *this);
    }
  }

 private:
  friend struct event::Blank;
  Unset() = default;
};

/// A member that cannot be forgotten: it has no default, so an initializer that leaves it out does not
/// compile. Reads and compares like the `T` it holds. Value.
template <class T>
class Required {
 public:
  // Implicit on purpose: `.mailbox_id = "31"` is how these structs are written.
  Required(T value)  // NOLINT(google-explicit-constructor)
      requires(!std::integral<T>)
      : value_(std::move(value)) {}

  // Whatever a class is made from; an integer only from an integer and a truth value only from a truth value,
  // because the language would turn a fraction or a pointer into one without a word.
  template <class U>
  requires(!std::same_as<std::remove_cvref_t<U>, Required> && !std::same_as<std::remove_cvref_t<U>, Unset> &&
           std::convertible_to<U, T> &&
           (std::integral<T> ? std::integral<std::remove_cvref_t<U>> &&
                                   std::same_as<T, bool> == std::same_as<std::remove_cvref_t<U>, bool>
                             : !std::same_as<std::remove_cvref_t<U>, T>)) Required(U&& value)
      : value_(static_cast<T>(std::forward<U>(value))) {}  // NOLINT(google-explicit-constructor)

  Required(Unset unset) : value_(unset.fill<T>()) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const T& get() const { return value_; }
  [[nodiscard]] T& get() { return value_; }
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  operator const T&() const { return value_; }  // NOLINT(google-explicit-constructor)

  bool operator==(const Required&) const = default;

  // `Self` is deduced so that other types are turned away before anything asks whether they compare with a
  // `T`.
  template <std::same_as<Required> Self, class U>
  requires(!std::same_as<U, Required>) friend bool operator==(const Self& left, const U& right) {
    return left.get() == right;
  }

 private:
  T value_;
};

}  // namespace evmesh::mailbox
