// SPDX-License-Identifier: GPL-2.0

//! The generated bindings; private to `sys`.

#![allow(
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ptr_cast_constness,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    improper_ctypes,
    unknown_lints,
    unnecessary_transmutes,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

use kernel::ffi;

// bindgen leaves these three to the includer: they depend on the word size.
type __kernel_size_t = usize;
type __kernel_ssize_t = isize;
type __kernel_ptrdiff_t = isize;

// Blocked in bindgen_parameters, which says why; never looked into.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct socket_lock_t([u8; APPEX_SOCKET_LOCK_BYTES as usize]);

include!(concat!(env!("APPEX_GENERATED"), "/bindings_generated.rs"));
